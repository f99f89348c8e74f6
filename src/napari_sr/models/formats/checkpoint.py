"""State dicts in checkpoint files: read without running anything, taken out of their containers and prefixes."""

from __future__ import annotations

import pickle
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.models.formats.found import first_names

#: where programs put weights, the best first: averaged ones before those of the last step
CONTAINERS = (
    "params_ema", "params-ema", "state_dict_ema", "ema_state_dict", "model_ema", "g_ema", "generator_ema",
    "params", "model_state_dict", "generator_state_dict", "state_dict", "netG", "net_g", "generator", "gen", "G", "g",
    "model", "net", "network", "weights",
)  # fmt: skip
#: what programs put before names, of wrappers and of a generator beside other networks
PREFIXES = (
    "module.", "_orig_mod.", "generator_ema.", "net_g_ema.", "netG.", "net_g.", "generator.", "gen.", "G.", "model.",
    "net.", "network.", "backbone.",
)  # fmt: skip
#: signs of what is no network at all
OPTIMIZERS = ("optimizer", "optimizers", "param_groups", "optimizer_state_dict", "optimizer_states", "schedulers")
#: how deep containers and prefixes are nested at most
DEEPEST = 4
ADVICE = "Only open it with a program that you trust, and save its weights alone: torch.save(model.state_dict(), ...)."


@dataclass(frozen=True)
class Weights:
    """A state dict that was found in a file, float32, and the words for where it was."""

    state: dict[str, Tensor]
    where: str
    notes: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Any:
    """Return what a ``.safetensors`` or torch file holds; nothing in it is executed.

    Raises
    ------
    ModelError
        If it is damaged, no such file, or needs program code to be opened.
    """
    if path.stat().st_size == 0:
        raise ModelError(f"{path.name} is empty. Get it again from where it came.")
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            raise ModelError(f"{path.name} is damaged or not a model file. Get it again from where it came.") from None
    try:
        with warnings.catch_warnings():  # torch's remarks on old file formats
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(_refusal(path)) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, IndexError, zlib.error, BadZipFile) as error:
        raise ModelError(
            f"{path.name} is not a model file, or damaged ({type(error).__name__}). Get it again from where it came."
        ) from None


def _refusal(path: Path) -> str:
    """Say why a pickle was refused; its names are read without being looked up."""
    text = f"{path.name} was refused: it contains program code that would run when opened, not only weights"
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (OSError, RuntimeError, ValueError, KeyError, IndexError, EOFError, pickle.UnpicklingError, BadZipFile):
        names = []  # of the old file format, in which they cannot be told without opening it
    if not names:
        return f"{text}, or is no model file. {ADVICE}"
    if any(name.startswith(("argparse.", "omegaconf.", "lightning.", "pytorch_lightning.")) for name in names):
        return (
            f"{text} (settings of its training, of type {first_names(names)}). It looks like a checkpoint of Lightning."
            " Only if you trust where it came from, open it in Python and save its weights alone: "
            "c = torch.load(FILE, weights_only=False); torch.save(c['state_dict'], 'weights.pth')."
        )
    return f"{text} ({first_names(names)}). {ADVICE}"


def weights_in(content: Any, name: str) -> list[Weights]:
    """Return the state dicts that may be meant, the likeliest first.

    Raises
    ------
    ModelError
        If there are none, or they hold values that are not finite.
    """
    found = list(_unwrapped(content, "", DEEPEST))
    if not found:
        if isinstance(content, Mapping) and any(key in content for key in OPTIMIZERS):
            raise ModelError(
                f"{name} holds the state of an optimizer, from which a training goes on, but no weights. They are in "
                "another file of the same training (net_g_….pth for BasicSR)."
            )
        raise ModelError(f"{name} holds no weights ({type(content).__name__}). Choose the file with the network.")
    return [weights for state, where in found for weights in _without_prefixes(_plain(state, where, name), DEEPEST)]


def _unwrapped(content: Any, where: str, depth: int) -> Iterator[tuple[dict[str, Tensor], str]]:
    if not isinstance(content, Mapping) or depth == 0:
        return
    arrays = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if arrays and len(arrays) >= len(content) / 2:
        yield arrays, where
        return
    keys = [key for key in CONTAINERS if key in content]
    if not keys and len(content) == 1:
        keys = list(content)
    for key in keys:
        yield from _unwrapped(content[key], f"{where} in {key}" if where else f"Weights in {key}", depth - 1)


def _plain(state: dict[str, Tensor], where: str, name: str) -> Weights:
    """Return dense float32 weights."""
    dtypes = {t.dtype for t in state.values() if t.is_floating_point()} - {torch.float32}
    plain = {key: t.detach().float() if t.is_floating_point() else t.detach() for key, t in state.items()}
    for key, t in plain.items():
        if t.is_floating_point() and not bool(torch.isfinite(t).all()):
            raise ModelError(f"{name} contains values that are not finite (in {key!r}); its training has failed.")
    lower = ", ".join(sorted(str(d).removeprefix("torch.") for d in dtypes))
    return Weights(plain, where, (f"Its weights are stored as {lower}",) if lower else ())


def _without_prefixes(weights: Weights, depth: int) -> Iterator[Weights]:
    """Yield weights with their names as they are, then without what stands before them."""
    yield weights
    if depth == 0:
        return
    for prefix in PREFIXES:
        inner = {key.removeprefix(prefix): t for key, t in weights.state.items() if key.startswith(prefix)}
        if not inner:
            continue
        left, notes = len(weights.state) - len(inner), weights.notes
        if left:
            others = [key for key in weights.state if not key.startswith(prefix)]
            notes = (*notes, f"{left} arrays beside {prefix}* were left out ({first_names(others, 2)})")
        yield from _without_prefixes(Weights(inner, weights.where, notes), depth - 1)
