"""Figures that networks give, by pyiqa: LPIPS, DISTS, the Perceptual Index, FID. Only with the extra ``iqa``.

They were learnt from photographs: of microscopy and densities they tell something about texture, nothing about truth.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ConfigError, ImageError

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Learned:
    """One of them: title, and whether it compares with a target. Lower is better for all."""

    title: str
    with_target: bool


#: by pyiqa's own names
LEARNED = {"lpips": Learned("LPIPS ↓", True), "dists": Learned("DISTS ↓", True), "pi": Learned("PI ↓", False)}
FID = "fid"
MISSING = "LPIPS, DISTS, PI and FID are measured by pyiqa, which is not installed here: pip install 'napari-sr[iqa]'."


def installed() -> bool:
    """Return True if pyiqa is there."""
    return importlib.util.find_spec("pyiqa") is not None


def learned(name: str, pred: Plane, target: Plane, *, data_range: float) -> float:
    """Return one figure of a 2-D image.

    Parameters
    ----------
    name
        In :data:`LEARNED`.
    pred, target
        Of one shape. Both are scaled so that the target's data range becomes 0 to 1, and cut there.
    data_range
        Of the target: 255 for 8 bit.

    Raises
    ------
    ConfigError
        If pyiqa is not installed, or its weights cannot be fetched.
    ImageError
        If the shapes differ.
    """
    import torch

    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    low = _darkest(target)
    images = [torch.from_numpy(_scaled(image, low, data_range)).expand(1, 3, -1, -1) for image in (pred, target)]
    metric = loaded_metric(name)
    with torch.no_grad():
        return float(metric(*(images if LEARNED[name].with_target else images[:1])))


def fid(preds: Sequence[Plane], targets: Sequence[Plane], *, data_range: float) -> float:
    """Return the Fréchet distance of the features of two sets of images; needs many to mean anything.

    Raises
    ------
    ConfigError
        If pyiqa is not installed, or its weights cannot be fetched.
    """
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        low = min(_darkest(target) for target in targets)
        for name, images in (("pred", preds), ("target", targets)):
            (Path(folder) / name).mkdir()
            for number, image in enumerate(images):
                grey = np.asarray(_scaled(image, low, data_range) * 255 + 0.5, dtype=np.uint8)
                Image.fromarray(grey).convert("RGB").save(Path(folder) / name / f"{number:05}.png")
        return float(loaded_metric(FID)(str(Path(folder) / "pred"), str(Path(folder) / "target")))


def _darkest(target: Plane) -> float:
    return 0.0 if target.dtype == np.uint8 else float(target.min())


def _scaled(image: Plane, low: float, data_range: float) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip((np.asarray(image, dtype=np.float64) - low) / data_range, 0, 1), dtype=np.float32)


@lru_cache(maxsize=4)
def loaded_metric(name: str) -> Any:
    """Return a metric of pyiqa, loaded once; raises :class:`ConfigError` if it cannot be had."""
    if not installed():
        raise ConfigError(MISSING)
    import pyiqa

    try:
        return pyiqa.create_metric(name, device="cpu")
    except (OSError, RuntimeError) as error:  # URLError is an OSError
        raise ConfigError(
            f"pyiqa could not prepare {name}: {error}. Its weights are downloaded once; connect to the internet, or "
            "leave this figure out."
        ) from None
