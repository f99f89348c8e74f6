"""A part of an image: rows and columns, and some of its planes, times and channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.geometry import Geometry
from napari_sr.images.writers.info import OutputInfo


@dataclass(frozen=True)
class Selection:
    """What of an image is worked on.

    Attributes
    ----------
    rows, columns
        In pixels of the image.
    take
        By axis letter, the positions along axes beside rows, columns and colours; what is not named is taken whole.
    """

    rows: slice = field(default_factory=lambda: slice(None))
    columns: slice = field(default_factory=lambda: slice(None))
    take: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def parsed(cls, layout: Layout, region: str = "", take: Iterable[str] = ()) -> Selection:
        """Return what a user wrote: ``Y0:Y1,X0:X1`` in pixels, and for each axis ``T=0:5`` or ``C=0,2``.

        Raises
        ------
        ImageError
            If it cannot be understood, or the image has no such part.
        """
        rows, columns = parsed_region(region) if region else (slice(None), slice(None))
        for name, part, length in zip(("rows", "columns"), (rows, columns), layout.plane_shape, strict=True):
            if part.stop is not None and part.stop > length:
                raise ImageError(f"--region {region}: the image has {length} {name}, and not {part.stop}.")
        chosen: dict[str, tuple[int, ...]] = {}
        for text in take:
            found = re.fullmatch(r"\s*([A-Za-z])\s*=\s*(.+?)\s*", text)
            if not found:
                raise ImageError(f"--take {text}: write an axis and its positions, as T=0:5 or C=0,2.")
            axis = found[1].upper()
            if axis not in layout.axes or axis in "YXS":
                able = ", ".join(a for a in layout.axes if a not in "YXS") or "no such axes"
                raise ImageError(f"--take {text}: positions are chosen along {able} of this image.")
            if axis in chosen:
                raise ImageError(f"--take {text}: axis {axis} is named twice.")
            chosen[axis] = _positions(text, found[2], layout.shape[layout.axes.index(axis)])
        return cls(rows, columns, chosen).checked(layout)

    def checked(self, layout: Layout) -> Selection:
        """Return the selection with its limits in numbers; raises :class:`ImageError` if the image has no such part."""
        height, width = layout.plane_shape
        sides = []
        for name, part, length in (("rows", self.rows, height), ("columns", self.columns, width)):
            start, stop, step = part.indices(length)
            if step != 1:
                raise ImageError(f"The region's {name} must follow each other.")
            if start >= stop:
                raise ImageError(f"The region has no {name}: the image has {length}, and {_text(part)} was chosen.")
            sides.append(slice(start, stop))
        for axis, positions in self.take.items():
            if axis not in layout.axes or axis in "YXS":
                raise ImageError(f"Positions along {axis} cannot be taken from an image with axes {layout.axes}.")
            length = layout.shape[layout.axes.index(axis)]
            if not positions or min(positions) < 0 or max(positions) >= length:
                raise ImageError(f"Axis {axis} has positions 0 to {length - 1}.")
        return Selection(sides[0], sides[1], dict(self.take))

    def layout(self, whole: Layout) -> Layout:
        """Return the layout of the part of an image; the selection must be :meth:`checked`."""
        sizes = {"Y": self.rows.stop - self.rows.start, "X": self.columns.stop - self.columns.start}
        sizes |= {axis: len(positions) for axis, positions in self.take.items()}
        return Layout(whole.axes, tuple(sizes.get(a, n) for a, n in zip(whole.axes, whole.shape, strict=True)))

    def whole_index(self, axes: str, index: tuple[int, ...]) -> tuple[int, ...]:
        """Return where a plane of the part is in the image: positions along all axes but Y and X, in their order."""
        others = [a for a in axes if a not in "YX"]
        return tuple(self.take[a][n] if a in self.take else n for a, n in zip(others, index, strict=True))

    def info(self, info: OutputInfo, whole: Layout) -> OutputInfo:
        """Return what a file says of the part, from what it says of the image; the selection must be checked."""
        channels, labels = info.channels, info.labels
        if "C" in self.take and len(channels) == whole.shape[whole.axes.index("C")]:
            channels = tuple(channels[n] for n in self.take["C"])
        others = [(a, n) for a, n in zip(whole.axes, whole.shape, strict=True) if a not in "YXS"]
        count = 1
        for _, n in others:
            count *= n
        if self.take and len(labels) == count:
            labels = tuple(self._taken(list(labels), [n for _, n in others], [a for a, _ in others]))
        return replace(info, geometry=self._geometry(info.geometry), channels=channels, labels=labels)

    def _taken(self, labels: list[str], shape: list[int], axes: list[str]) -> list[str]:
        """Return the labels of the planes that are taken, in their order."""
        if not axes:
            return labels
        each = len(labels) // shape[0]
        positions = self.take.get(axes[0], tuple(range(shape[0])))
        parts = [self._taken(labels[n * each : (n + 1) * each], shape[1:], axes[1:]) for n in positions]
        return [label for part in parts for label in part]

    def _geometry(self, geometry: Geometry) -> Geometry:
        """Return the geometry of the part: its first sample is not that of the image."""
        steps, origin, units = dict(geometry.steps), dict(geometry.origin), dict(geometry.units)
        first = {"Y": self.rows.start, "X": self.columns.start} | {a: p[0] for a, p in self.take.items()}
        for axis, start in first.items():
            if axis in steps and start:
                origin[axis] = origin.get(axis, 0.0) + start * steps[axis]
        for axis, positions in self.take.items():
            apart = {b - a for a, b in pairwise(positions)}
            if axis in steps and len(apart) == 1:
                steps[axis] *= apart.pop()
            elif axis in steps and len(apart) > 1:  # they lie at no one distance
                del steps[axis]
                units.pop(axis, None)
                origin.pop(axis, None)
        return Geometry(steps, units, origin)


def parsed_region(text: str) -> tuple[slice, slice]:
    """Return rows and columns of ``Y0:Y1,X0:X1``; raises :class:`ImageError` for anything else."""
    found = re.fullmatch(r"\s*(\d*):(\d*)\s*,\s*(\d*):(\d*)\s*", text)
    if not found:
        raise ImageError(f"--region {text}: write rows and columns in pixels of the image, as 0:2000,500:2500.")
    top, bottom, left, right = (int(n) if n else None for n in found.groups())
    return slice(top, bottom), slice(left, right)


def _positions(text: str, given: str, length: int) -> tuple[int, ...]:
    found: list[int] = []
    for part in given.split(","):
        numbers = re.fullmatch(r"\s*(\d+)?(:)?(\d+)?(?::(\d+))?\s*", part)
        if not numbers or not (numbers[1] or numbers[2]) or numbers[4] == "0":
            raise ImageError(f"--take {text}: {part!r} is neither a position nor a range as 0:5.")
        if not numbers[2]:
            found.append(int(numbers[1]))
            continue
        start, stop = int(numbers[1] or 0), int(numbers[3]) if numbers[3] else length
        found += range(start, stop, int(numbers[4] or 1))
    if not found or max(found) >= length or sorted(set(found)) != found:
        raise ImageError(f"--take {text}: there are positions 0 to {length - 1}; name each once, in their order.")
    return tuple(found)


def _text(part: slice) -> str:
    return f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"
