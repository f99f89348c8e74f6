"""OME-Zarr images (NGFF 0.4 and 0.5): their axes and geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.data.geometry import Geometry
from napari_sr.errors import ImageError

#: short names of the units that the specification writes out
UNITS = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "meter": "m", "angstrom": "Å", "second": "s"}
KINDS = {"T": "time", "C": "channel", "S": "channel"}


def is_zarr(path: Path) -> bool:
    """Return True if ``path`` is a zarr array or group, whatever its name."""
    return path.is_dir() and any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup"))


def pair_in(path: Path) -> tuple[Path, Path] | None:
    """Return the LR and the HR image of a zarr group that holds both, named ``lr`` and ``hr``; None otherwise."""
    lr, hr = path / "lr", path / "hr"
    return (lr, hr) if is_zarr(path) and is_zarr(lr) and is_zarr(hr) else None


def read_array(path: Path) -> tuple[Any, str | None, Geometry]:
    """Return (array, axes, geometry) of a zarr array or of the full resolution of an OME-Zarr image."""
    import zarr

    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return node, None, Geometry()
    attributes: dict[str, Any] = dict(node.attrs)
    images = attributes.get("ome", attributes).get("multiscales")
    if not images:
        inside = f"; it holds pairs, so choose {path.name}/hr and {path.name}/lr" if pair_in(path) else ""
        raise ImageError(f"{path.name} is a zarr group without an OME-Zarr image in it{inside}.")
    image = images[0]
    dataset = image["datasets"][0]
    described = image.get("axes", [])
    # version 0.3 lists names, later ones objects
    axes = "".join((a if isinstance(a, str) else a["name"]).upper() for a in described) or None
    array = node[dataset["path"]]
    if axes is None:
        return array, None, Geometry()
    steps, origin = dict.fromkeys(axes, 1.0), dict.fromkeys(axes, 0.0)
    found = False
    # an image's own transforms come after those of its resolutions
    for transform in [*dataset.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]:
        if transform["type"] == "scale":
            for axis, factor in zip(axes, transform["scale"], strict=True):
                steps[axis] *= float(factor)
                origin[axis] *= float(factor)
            found = True
        elif transform["type"] == "translation":
            for axis, shift in zip(axes, transform["translation"], strict=True):
                origin[axis] += float(shift)
            found = True
    objects = {axis: a for axis, a in zip(axes, described, strict=True) if isinstance(a, dict)}
    units = {axis: UNITS.get(a["unit"], str(a["unit"])) for axis, a in objects.items() if "unit" in a}
    return array, axes, Geometry(steps, units, origin) if found else Geometry()


def create_image(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, geometry: Geometry) -> Any:
    """Create an OME-Zarr image (version 0.5) of one resolution and return its array."""
    import zarr

    group = zarr.create_group(str(path))
    chunks = tuple(min(n, 1024) if a in "YX" else (n if a == "S" else 1) for n, a in zip(shape, axes, strict=True))
    array = group.create_array("0", shape=shape, dtype=dtype, chunks=chunks)
    written_out = {short: long for long, short in UNITS.items()}
    described = []
    for axis in axes:
        unit = geometry.units.get(axis, "")
        entry = {"name": axis.lower(), "type": KINDS.get(axis, "space")}
        described.append(entry | ({"unit": written_out.get(unit, unit)} if unit else {}))
    transforms = [
        {"type": "scale", "scale": [geometry.steps.get(a, 1.0) for a in axes]},
        {"type": "translation", "translation": [geometry.origin.get(a, 0.0) for a in axes]},
    ]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": described, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}],
    }
    return array
