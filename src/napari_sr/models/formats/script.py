"""TorchScript files."""

from __future__ import annotations

from pathlib import Path

from napari_sr.errors import CodeRefused, ModelError, SRError
from napari_sr.models.formats.found import Answers, Found
from napari_sr.models.formats.our_exports import our_export, script_metadata
from napari_sr.models.formats.probe import probed
from napari_sr.networks.foreign_base import Around
from napari_sr.networks.foreign_bytes import as_bytes


def find(path: Path, answers: Answers, *, allow_code: bool) -> Found:
    """Return the network in a TorchScript file, whose code runs for that.

    Raises
    ------
    ModelError
        If the user has not allowed that, or it is no network from image to image.
    """
    if not allow_code:
        raise CodeRefused(
            f"{path.name} is a TorchScript model: it holds program code that would run when opened. If you trust where "
            "it came from, allow that (in a shell: --allow-code); better, get it as ONNX."
        )
    state = as_bytes(path.read_bytes())
    try:
        ours = our_export(script_metadata(path), path.name)
        around = Around() if ours is None else ours.around
        found = probed("torchscript", "TorchScript model", state, around, answers)
        return found if ours is None else ours.on(found)
    except SRError as error:
        raise ModelError(f"{path.name} cannot be used. {error}") from None
