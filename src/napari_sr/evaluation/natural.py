"""What images of a kind look like: NIQE models that are shipped, saved, or fitted on a user's own images."""

from __future__ import annotations

from pathlib import Path

from napari_sr.densities import own_log
from napari_sr.images.listing import read_planes
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.naturalness import NaturalModel, fit_naturalness, shipped_model

#: images that models come with the package for
KINDS = ("EM", "N-body")


def natural_model(name: str, *, density: bool = False) -> NaturalModel:
    """Return a model for NIQE.

    Parameters
    ----------
    name
        ``EM`` or ``N-body``; or the path of a ``.npz`` file that was saved; or of a sharp image or a folder of them, on
        which one is fitted.
    density
        The images are densities, looked at as log10(density + 0.02).

    Raises
    ------
    ImageError
        If there is no such kind and no such file, or there are too few sharp patches.
    """
    path = Path(name)
    if name in KINDS or not path.exists():
        return shipped_model(name)
    if path.suffix.lower() == ".npz":
        return NaturalModel.load(path)
    images = read_planes(path)
    seen = [own_log(image) for image in images] if density else images
    return fit_naturalness(seen, data_range=data_range_of(seen))
