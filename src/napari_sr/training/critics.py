"""Which critic a run begins with: the one of the model that it goes on from, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from napari_sr.models.companions import load_critic
from napari_sr.models.store import model_paths
from napari_sr.training.config import TrainConfig
from napari_sr.training.parts import Adversarial


@dataclass(frozen=True)
class CriticStart:
    """Weights that the critic begins with, None for new ones; a sentence for the user, empty if there is none."""

    state: Mapping[str, Tensor] | None = None
    note: str = ""


def starting_critic(config: TrainConfig) -> CriticStart:
    """Return the critic of ``start_from``, or that a new one begins.

    Raises
    ------
    ModelError
        If there is a file of a critic that cannot be read.
    """
    settings = config.adversarial
    if settings is None or not config.start_from:
        return CriticStart()
    path = model_paths().get(config.start_from, Path(config.start_from))
    kept = load_critic(path)
    if kept is None:
        return CriticStart(
            note=f"{path.stem} has no critic beside it: a new one begins, and has to learn before it is of use."
        )
    wanted = (settings.critic, settings.loss)
    if (kept.critic, kept.loss) != wanted or not _fits(kept.state, settings, config):
        return CriticStart(
            note=f"The critic of {path.stem} ({kept.critic}, {kept.loss}) is another one than this recipe's "
            f"({settings.critic}, {settings.loss}): a new one begins, and has to learn before it is of use."
        )
    return CriticStart(kept.state, f"Goes on with the critic of {path.stem}, too.")


def _fits(state: Mapping[str, Tensor], settings: Adversarial, config: TrainConfig) -> bool:
    from napari_sr.training.lightning.adversarial import make_critic

    expected: nn.Module = make_critic(settings, channels=1, hr_patch=config.lr_patch * config.scale)
    own = expected.state_dict()
    return {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in state.items()}
