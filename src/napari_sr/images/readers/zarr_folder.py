"""Zarr arrays, and OME-Zarr images (NGFF 0.1 to 0.5): their axes, geometry and channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sr.errors import ImageError
from napari_sr.images.geometry import Geometry
from napari_sr.images.readers.arrays import array_stack
from napari_sr.images.stack import Channel, Stack
from napari_sr.images.units import number, unit_of
from napari_sr.paths import is_folder

#: paths that are listed
MOST = 12


def is_zarr(path: Path) -> bool:
    """Return True if ``path`` is a zarr array or group, whatever its name."""
    return is_folder(path) and any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup"))


def pair_in(path: Path) -> tuple[Path, Path] | None:
    """Return the LR and the HR image of a zarr group that holds both, named ``lr`` and ``hr``; None otherwise."""
    lr, hr = path / "lr", path / "hr"
    return (lr, hr) if is_zarr(path) and is_zarr(lr) and is_zarr(hr) else None


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return a zarr array, the full resolution of an OME-Zarr image, or those of each image that Bio-Formats wrote.

    Raises
    ------
    ImageError
        If it is a plate or a group without an image: with the paths of what is inside.
    """
    import zarr

    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return [array_stack(node)]
    attributes = _attributes(node)
    if isinstance(images := attributes.get("multiscales"), list) and images:
        return [_image(node, images[0], attributes.get("omero", {}), "")]
    if "bioformats2raw.layout" in attributes:
        names = sorted((n for n in node if re.fullmatch(r"\d+", n)), key=int)
        return [stack for n in names for stack in _images_in(node[n], n)]
    if pair_in(path):
        raise ImageError(
            f"{path.name} is a zarr group without an OME-Zarr image in it; it holds pairs, so choose {path.name}/hr "
            f"and {path.name}/lr."
        )
    inside = _paths(node, attributes)
    kind = "a plate" if "plate" in attributes else "a zarr group without an OME-Zarr image in it"
    more = f" and {len(inside) - MOST} more" if len(inside) > MOST else ""
    listed = ", ".join(f"{path.name}/{p}" for p in inside[:MOST])
    raise ImageError(f"{path.name} is {kind}" + (f"; inside are {listed}{more}. Choose one." if inside else "."))


def _attributes(node: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = dict(node.attrs)
    ome = found.get("ome")
    return {**found, **ome} if isinstance(ome, dict) else found


def _images_in(node: Any, name: str) -> list[Stack]:
    attributes = _attributes(node)
    images = attributes.get("multiscales") or []
    return [_image(node, image, attributes.get("omero", {}), name) for image in images[:1]]


def _paths(node: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Return the paths of the images and arrays inside a group."""
    import zarr

    if "plate" in attributes:
        wells = [str(well["path"]) for well in attributes["plate"].get("wells", ())]
        fields = []
        for well in wells[: MOST + 1]:
            described = _attributes(node[well]).get("well", {}).get("images", ()) if well in node else ()
            fields += [f"{well}/{field['path']}" for field in described]
        return fields or wells
    found = []
    for name, child in sorted(node.members(max_depth=3)):
        is_image = isinstance(child, zarr.Group) and "multiscales" in _attributes(child)
        if is_image or (isinstance(child, zarr.Array) and len(child.shape) >= 2):
            found.append(name)
    images = [n for n in found if isinstance(node[n], zarr.Group)]
    return [n for n in found if n in images or not any(n.startswith(f"{image}/") for image in images)]


def _letters(described: list[Any]) -> str:
    """Return a letter an axis; version 0.3 lists names, later ones objects with a type."""
    letters = ""
    for axis in described:
        name, kind = (axis, "") if isinstance(axis, str) else (str(axis.get("name", "?")), axis.get("type", ""))
        wanted = {"time": "T", "channel": "C"}.get(kind, name[:1].upper())
        letters += wanted if wanted not in letters else next(a for a in "PQRVAHE" if a not in letters)
    return letters


def _image(node: Any, image: Mapping[str, Any], omero: Mapping[str, Any], name: str) -> Stack:
    import zarr

    dataset = next(iter(image.get("datasets", ())), None)
    if dataset is None:
        raise ImageError("Its description (multiscales) names no array.")
    array = node.get(dataset["path"])
    if not isinstance(array, zarr.Array):
        raise ImageError(f"Its description (multiscales) names {dataset['path']!r}, and there is no such array.")
    described = image.get("axes", [])
    if described and len(described) != len(array.shape):
        raise ImageError(f"Its description (multiscales) has {len(described)} axes, its array {len(array.shape)}.")
    if not described:  # up to version 0.2 these are always the same
        return Stack(array, "TCZYX", name=name) if len(array.shape) == 5 else array_stack(array, name=name)
    axes = _letters(list(described))
    geometry = _geometry(axes, list(described), dataset, image)
    return Stack(array, axes, geometry, name=name or str(image.get("name", "")), channels=_channels(omero))


def _geometry(axes: str, described: list[Any], dataset: Mapping[str, Any], image: Mapping[str, Any]) -> Geometry:
    steps, origin = dict.fromkeys(axes, 1.0), dict.fromkeys(axes, 0.0)
    found = False
    # an image's own transforms come after those of its resolutions
    for transform in [*dataset.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]:
        if transform.get("type") == "scale" and "scale" in transform:
            for axis, factor in zip(axes, transform["scale"], strict=True):
                steps[axis] *= number(factor) or 0.0
                origin[axis] *= number(factor) or 0.0
            found = True
        elif transform.get("type") == "translation" and "translation" in transform:
            for axis, shift in zip(axes, transform["translation"], strict=True):
                origin[axis] += number(shift) or 0.0
            found = True
    units = {axis: a.get("unit") for axis, a in zip(axes, described, strict=True) if isinstance(a, dict)}
    if not found:
        return Geometry()
    return Geometry.stated(**{a: (steps[a], unit_of(units.get(a)), origin[a]) for a in axes})


def _channels(omero: Mapping[str, Any]) -> tuple[Channel, ...]:
    found = []
    for channel in omero.get("channels", ()):
        window = channel.get("window", {})
        limits = number(window.get("start")), number(window.get("end"))
        colour = str(channel.get("color", ""))
        found.append(
            Channel(
                name=str(channel.get("label", "")),
                colour=f"#{colour.lower()}" if re.fullmatch("[0-9a-fA-F]{6}", colour) else "",
                limits=(limits[0], limits[1]) if limits[0] is not None and limits[1] is not None else None,
            )
        )
    return tuple(found)
