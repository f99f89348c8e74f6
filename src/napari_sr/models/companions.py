"""Files that stand beside a model: the critic that it was trained against."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.models.whole_file import beside
from napari_sr.paths import reason

#: the critic of ``name.safetensors`` is ``name.critic``: no suffix of a model, so that no list shows it
SUFFIX = ".critic"
HEADER_KEY = "napari_sr_critic"


@dataclass(frozen=True)
class KeptCritic:
    """A critic as it was at the end of a training.

    Attributes
    ----------
    critic, hyper_parameters
        Its name in :data:`napari_sr.networks.CRITICS`, and what it was built with.
    loss
        The adversarial loss that gave its values their meaning.
    state
        Its weights.
    """

    critic: str
    hyper_parameters: Mapping[str, Any]
    loss: str
    state: Mapping[str, Tensor] = field(default_factory=dict)


def critic_path(model: Path) -> Path:
    """Return where the critic of a model lies, if it has one."""
    return model.with_suffix(SUFFIX)


def save_critic(critic: KeptCritic, model: Path) -> None:
    """Write a critic beside its model in one step; raises :class:`ModelError` if that is not possible."""
    path = critic_path(model)
    about = {name: value for name, value in asdict(critic).items() if name != "state"}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in critic.state.items()}
    try:
        with beside(path) as part:
            save_file(state, part, metadata={HEADER_KEY: json.dumps(about)})
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The critic could not be written to {path}: {reason(error)}.") from error


def load_critic(model: Path) -> KeptCritic | None:
    """Return the critic that stands beside a model; None if there is none.

    Raises
    ------
    ModelError
        If there is a file, and it is not a critic of ours.
    """
    path = critic_path(model)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[HEADER_KEY])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return KeptCritic(**about, state=state)
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelError(
            f"{path.name} in {path.parent} is damaged, or no critic. Take it away: a new critic then begins."
        ) from error


def copy_critic(source: Path, target: Path) -> None:
    """Put the critic of ``source`` beside the model ``target``; one that stood there and is not its own goes.

    Raises
    ------
    OSError
        If it cannot be copied.
    """
    if critic_path(source).exists():
        shutil.copy2(critic_path(source), critic_path(target))
    else:
        critic_path(target).unlink(missing_ok=True)
