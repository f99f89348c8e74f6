"""What is asked for, and what comes out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt

from napari_sr.errors import ConfigError, ModelError
from napari_sr.models.export.formats import FORMATS, Format
from napari_sr.models.model import Model

Values = Literal["auto", "image", "network"]


@dataclass(frozen=True)
class ExportRequest:
    """One export.

    Attributes
    ----------
    model
        What to give away; interpolations cannot be.
    path
        The file, or a folder for a file of the model's name.
    format
        A name in :data:`~napari_sr.models.export.formats.FORMATS`.
    conditions
        For a network that is told of its image: fixed values by name. None: they become a second input.
    values
        ``image``: the file takes and gives image values; ``network``: those that the network sees, and the file says
        how to come to them; ``auto``: image values, where that does not depend on the image.
    authors
        Of a bioimage.io package.
    example
        LR image (Y, X) for the test and the picture in a bioimage.io package; a drawn one if None.
    overwrite
        Replace a file that is there.
    """

    model: Model
    path: Path
    format: str
    conditions: Mapping[str, float] | None = None
    values: Values = "auto"
    authors: tuple[str, ...] = ()
    example: npt.NDArray[Any] | None = None
    overwrite: bool = False

    @property
    def target(self) -> Path:
        """The file that is written."""
        suffix = FORMATS[self.format].suffix
        if self.path.is_dir():
            return self.path / f"{self.model.card.name}{suffix}"
        return self.path if self.path.suffix == suffix else self.path.with_name(f"{self.path.name}{suffix}")

    @property
    def image_values(self) -> bool:
        """True if the file takes and gives image values."""
        return self.values == "image" or (self.values == "auto" and not self.model.intensity.depends_on_image)


@dataclass(frozen=True)
class Step:
    """What is being done now."""

    text: str


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    path
        Where it is.
    deviation
        Largest difference from napari-sr that a test on images of several sizes found, as a share of the range.
    how_to
        What goes into the file and comes out, in sentences for who gets it; they stand in the file, too.
    notes
        What is missing, in sentences for who gives it away.
    """

    path: Path
    deviation: float
    how_to: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def check(request: ExportRequest) -> None:
    """Say what cannot be exported, before anything is done.

    Raises
    ------
    ConfigError
        If the format, the conditions or the values do not make sense.
    ModelError
        For interpolations, missing packages, and files that exist or cannot be written.
    """
    card, network = request.model.card, request.model.network
    if request.format not in FORMATS:
        raise ConfigError(f"There is no format {request.format!r}. Known: {', '.join(FORMATS)}.")
    if not network.trainable:
        raise ModelError(f"{card.name} is an interpolation: there are no weights to give away, every program has it.")
    if not network.exportable:
        raise ModelError(
            f"{card.name} came from another program, and is kept as it came: give others the file that you got "
            f"({card.source.get('file', 'it')})."
        )
    if request.values == "image" and request.model.intensity.depends_on_image:
        raise ConfigError(
            f"values: {card.name} scales every image by its own brightness, which cannot be part of the file. Leave "
            "values at auto; the file then says how an image is scaled."
        )
    check_conditions(request)
    check_packages(FORMATS[request.format])
    target = request.target
    if target.exists() and not request.overwrite:
        raise ModelError(f"{target} exists already; allow overwriting (--overwrite) or choose another name.")
    if not target.parent.is_dir():
        raise ModelError(f"There is no folder {target.parent}. Make it first, or choose another.")
    if not os.access(target.parent, os.W_OK):
        raise ModelError(f"The folder {target.parent} cannot be written. Choose another.")


def check_conditions(request: ExportRequest) -> None:
    """Say which conditions are unknown, missing or beyond the network's limits; raises :class:`ConfigError`."""
    given = request.conditions
    if given is None:
        return
    name, known = request.model.card.name, {c.name: c for c in request.model.network.conditions}
    unknown = [n for n in given if n not in known]
    if unknown:
        able = f"only {', '.join(known)}" if known else "nothing"
        raise ConfigError(f"{unknown[0]}: {name} can be told {able} of an image.")
    missing = [n for n, c in known.items() if c.unit and n not in given]
    if missing:
        raise ConfigError(
            f"{name} is told {' and '.join(n for n, c in known.items() if c.unit)}; give {missing[0]} too."
        )
    for one, value in given.items():
        condition = known[one]
        if not condition.low <= value <= condition.high:
            raise ConfigError(
                f"{one}: {name} knows {condition.low:g} to {condition.high:g} {condition.unit}, not {value:g}."
            )


def check_packages(wanted: Format) -> None:
    """Say which package is missing, and how to get it; raises :class:`ModelError`."""
    from importlib.util import find_spec

    missing = [p for p in wanted.packages if find_spec(p) is None]
    if missing:
        raise ModelError(
            f"Writing {wanted.title} files needs {' and '.join(missing)}, which is not installed here: "
            f'pip install "napari-sr[{wanted.extra}]"'
        )
