"""State dicts in checkpoint files: read without running anything, taken out of their containers and prefixes."""

from __future__ import annotations

import codecs
import pickle
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.models.formats.found import Answers, Question, first_names, shortened
from napari_sr.paths import why_not_open

#: where programs put weights, the best first: averaged ones before those of the last step
CONTAINERS = (
    "params_ema", "params-ema", "state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "g_ema", "generator_ema",
    "netG_ema", "net_g_ema", "shadow", "ema", "params", "model_state_dict", "generator_state_dict", "state_dict",
    "netG", "net_g", "generator", "gen", "G", "g", "model", "net", "network", "weights",
)  # fmt: skip
#: what programs put before names, of wrappers and of a generator beside other networks
PREFIXES = (
    "module.", "_orig_mod.", "generator_ema.", "net_g_ema.", "netG_ema.", "model_ema.", "ema_model.", "ema.", "netG.",
    "net_g.", "generator.", "gen.", "G.", "model.", "net.", "network.", "backbone.",
)  # fmt: skip
#: signs of what is no network at all
OPTIMIZERS = ("optimizer", "optimizers", "param_groups", "optimizer_state_dict", "optimizer_states", "schedulers")
#: how deep containers and prefixes are nested at most
DEEPEST = 4
#: what torch's files begin with: a zip file, or a pickle
TORCH = (b"PK\x03\x04", b"\x80")
#: numbers and arrays of NumPy, which programs save beside weights: nothing that runs; older versions had another name
NUMBERS: list[Any] = [
    np.dtype, np.ndarray, *(type(np.dtype(code)) for code in "?bhilqBHILQefd"),
    *((function, f"numpy.{core}.multiarray.{function.__name__}") for core in ("_core", "core")
      for function in (np._core.multiarray.scalar, np._core.multiarray._reconstruct)),  # type: ignore[attr-defined]
]  # fmt: skip
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
    if why := why_not_open(path):
        raise ModelError(f"{path.name} cannot be opened: {why}.")
    if path.stat().st_size == 0:
        raise ModelError(f"{path.name} is empty. Get it again from where it came.")
    with path.open("rb") as file:
        head = file.read(512)
    if problem := _what_else(head):
        raise ModelError(f"{path.name} {problem}")
    if _is_safetensors(head, path):
        try:
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            raise ModelError(f"{path.name} is damaged or not a model file. Get it again from where it came.") from None
    if _is_damaged(path):
        raise ModelError(f"{path.name} is damaged: a part of it has changed since. Get it again from where it came.")
    try:
        with torch.serialization.safe_globals(NUMBERS), warnings.catch_warnings():  # torch's remarks on old formats
            warnings.simplefilter("ignore", UserWarning)
            with path.open("rb") as file:  # from its name, torch would take it for a file of another kind
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(_refusal(path)) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, IndexError, zlib.error, BadZipFile) as error:
        raise ModelError(
            f"{path.name} is not a model file, or damaged ({type(error).__name__}). Get it again from where it came."
        ) from None


def _is_damaged(path: Path) -> bool:
    """Return True if some parts of torch's file are not those that were written; torch itself does not look.

    Where the sum of no part is right, none was computed: torch can be told not to.
    """
    if not is_zipfile(path):
        return False
    wrong = 0
    try:
        archive = ZipFile(path)
    except BadZipFile:  # its list of parts, without which torch opens nothing either
        return True
    with archive:
        entries = archive.infolist()
        for entry in entries:
            try:
                with archive.open(entry) as part:
                    while part.read(1 << 20):
                        pass
            except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
                wrong += 1
    return 0 < wrong < len(entries)


def _what_else(head: bytes) -> str:
    """Return what a file is that is no model at all; empty if it may be one."""
    if head.startswith(b"version https://git-lfs"):
        return "is only a pointer of Git LFS to the model. Fetch the file itself: git lfs pull, or from its web page."
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page that was saved in place of the model. Download the file itself."
    if _is_text(head):
        return "is a text file, and no model. Choose the file with the weights."
    return ""


def _is_text(head: bytes) -> bool:
    """Return True for the beginning of a text in UTF-8, whose last letter may be cut off; weights are none."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _is_safetensors(head: bytes, path: Path) -> bool:
    """Return True for what begins as such a file does, whatever its name; and for what is called so and is no other."""
    length = int.from_bytes(head[:8], "little")
    begins = head[8:9] == b"{" and length < path.stat().st_size
    return begins or (path.suffix.lower() == ".safetensors" and not head.startswith(TORCH))


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


def weights_in(content: Any, name: str, answers: Answers | None = None) -> list[Weights]:
    """Return the state dicts that may be meant, the likeliest first; those with values that are not finite left out.

    Raises
    ------
    OpenQuestion
        If there are several, and nothing says which is the network's.
    ModelError
        If there are none, or none is finite.
    """
    found = list(_unwrapped(content, "", DEEPEST, answers or Answers()))
    if not found:
        if isinstance(content, Mapping) and any(key in content for key in OPTIMIZERS):
            raise ModelError(
                f"{name} holds the state of an optimizer, from which a training goes on, but no weights. They are in "
                "another file of the same training (net_g_….pth for BasicSR)."
            )
        inside = f": {first_names([str(key) for key in content])}" if isinstance(content, Mapping) and content else ""
        raise ModelError(
            f"{name} holds no weights ({type(content).__name__}{inside}). Choose the file with the network."
        )
    candidates: list[Weights] = []
    passed: list[str] = []
    for state, where in found:
        plain = _plain(state, where, name)
        broken = {id(t): key for key, t in plain.state.items() if not _is_finite(t)}
        sound = [w for w in _without_prefixes(plain, DEEPEST) if not any(id(t) in broken for t in w.state.values())]
        others = [w[:1].lower() + w[1:] for _, w in found if w != where]
        notes = (*passed, *([f"Not taken: {', '.join(others)}"] if others else []))
        candidates += [replace(w, notes=(*w.notes, *notes)) for w in sound]
        if not sound:
            first = next(iter(broken.values()))
            passed.append(f"{where or 'Those that are not in a container'} are not finite (in {shortened(first)!r})")
    if not candidates:
        raise ModelError(
            f"{name} contains values that are not finite (in {shortened(first)!r}); its training has failed."
        )
    return candidates


def _unwrapped(
    content: Any, where: str, depth: int, answers: Answers
) -> Iterator[tuple[dict[str, Tensor], str]]:  # fmt: skip
    if isinstance(content, list | tuple):  # of state dicts, the network's and the optimizer's
        content = {str(number): value for number, value in enumerate(content)}
    if not isinstance(content, Mapping) or depth == 0:
        return
    arrays = {str(key): tensor for key, value in content.items() if (tensor := _tensor(value)) is not None}
    if arrays and len(arrays) >= len(content) / 2:
        yield arrays, where
        return
    keys = [key for key in CONTAINERS if key in content] or _others(content, depth, answers)
    for key in keys:
        inner = f"{where} in {key}" if where else f"Weights in {key}"
        yield from _unwrapped(content[key], inner, depth - 1, answers)


def _others(content: Mapping[Any, Any], depth: int, answers: Answers) -> list[Any]:
    """Return the key of what holds weights under a name that is not known; of several, the one that is meant."""
    keys = [
        key for key, value in content.items()
        if key not in OPTIMIZERS and next(_unwrapped(value, "", depth - 1, answers), None) is not None
    ]  # fmt: skip
    if len(keys) < 2:
        return keys
    text = "It holds the weights of several networks, and which of them makes the images is not said."
    answer = answers.to(Question("weights", text, tuple(str(key) for key in keys)))
    return [key for key in keys if str(key) == answer]


def _tensor(value: Any) -> Tensor | None:
    """Return an array of numbers as a tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) and value.dtype.kind in "bif" else None


def _plain(state: dict[str, Tensor], where: str, name: str) -> Weights:
    """Return dense float32 weights."""
    dense = {key: _dense(t.detach(), key, name) for key, t in state.items()}
    dtypes = {t.dtype for t in dense.values() if t.is_floating_point()} - {torch.float32}
    plain = {key: t.float() if t.is_floating_point() else t for key, t in dense.items()}
    lower = ", ".join(sorted(str(d).removeprefix("torch.") for d in dtypes))
    return Weights(plain, where, (f"Its weights are stored as {lower}",) if lower else ())


def _dense(tensor: Tensor, key: str, name: str) -> Tensor:
    """Return a tensor as one array of numbers; raises :class:`ModelError` if it is none."""
    if tensor.device.type == "meta":
        raise ModelError(f"{name} holds the shapes of its weights and not their values. Save it again from the model.")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_nested or tensor.is_complex():
        kind = "nested arrays" if tensor.is_nested else "complex numbers"
        raise ModelError(f"{name} holds {kind} (in {shortened(key)!r}), and no network that is known here does.")
    if not tensor.is_floating_point() and key.rpartition(".")[2] in ("weight", "bias"):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise ModelError(
            f"{name} holds weights as whole numbers ({shortened(key)!r} is {kind}): it was quantised by a program that "
            "keeps their scale elsewhere. Get the model as it was before (float32 or float16)."
        )
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


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
