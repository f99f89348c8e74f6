"""Checkpoints of other programs."""

from __future__ import annotations

import os
import pickle
import warnings
import zlib
from pathlib import Path
from zipfile import BadZipFile

import torch

from napari_sr.errors import ModelError
from napari_sr.models.model import Model

__all__ = ["load_foreign"]


def load_foreign(path: str | os.PathLike[str]) -> Model:
    """Say why a file that is not one of ours cannot be used; its contents are never executed.

    Raises
    ------
    ModelError
        Always: a pickle with code in it is refused as such, and plain weights do not say which network
        they belong to.
    """
    path = Path(path)
    advice = "napari-sr opens .safetensors files that it or `napari-sr train` wrote."
    try:
        with warnings.catch_warnings():  # torch's remarks on the file format; the file is refused anyway
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path.name} was refused: it contains program code that would run when opened, not only weights. {advice}"
        ) from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, zlib.error, BadZipFile) as error:
        raise ModelError(f"{path.name} is not a model file ({type(error).__name__}). {advice}") from None
    count = len(content) if isinstance(content, dict) else 1
    raise ModelError(
        f"{path.name} holds {count} arrays of weights but does not say which network they belong to. {advice}"
    )
