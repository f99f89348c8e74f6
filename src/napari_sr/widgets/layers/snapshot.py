"""Reading an image layer into what the core understands, and describing the layer that comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout, guess_axes
from napari_sr.widgets.layers.alignment import resampled_transform

if TYPE_CHECKING:
    from napari_sr.inference import Report
    from napari_sr.models.model import ModelCard

METADATA_KEY = "napari_sr"
#: what made a layer that is computed as it is looked at
LOOKED = "look-around"
#: axes by the labels that layers give them
LABELS = {name: letter for letter, names in {
    "T": ("t", "time"), "C": ("c", "channel", "channels"), "Z": ("z", "depth", "plane"), "Y": ("y", "row", "rows"),
    "X": ("x", "column", "columns"),
}.items() for name in names}  # fmt: skip
#: nanometres in units that layers of microscopes use
NANOMETRES = {
    "picometer": 1e-3, "angstrom": 0.1, "nanometer": 1.0, "micrometer": 1e3, "micron": 1e3, "millimeter": 1e6,
    "centimeter": 1e7, "inch": 25.4e6, "meter": 1e9,
}  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """What a run needs of a layer, taken on the main thread; the layer may change meanwhile.

    Attributes
    ----------
    data
        The layer's array (the full resolution of a multiscale one).
    name
        Of the layer.
    rgb
        The last axis holds colours.
    kind
        Kind of image, if it is known.
    pixel_size, unit
        Along the columns; unit ``pixel`` if unknown.
    axes
        As the layer's labels name them, or as guessed.
    """

    data: Any
    name: str
    rgb: bool
    kind: str
    pixel_size: float
    unit: str
    axes: str


def axes_of(layer: Any) -> str:
    """Return the axes of a layer: those that its labels name, or the most plausible ones.

    napari gives every channel a layer of its own, so that a layer of four dimensions is a movie of stacks (``TZYX``).
    """
    shape = tuple((layer.data[0] if layer.multiscale else layer.data).shape)
    named = "".join(LABELS.get(str(label).lower(), "") for label in layer.axis_labels) + ("S" if layer.rgb else "")
    if len(named) == len(shape) == len(set(named)) and {"Y", "X"} <= set(named):
        return named
    guessed = guess_axes(shape, rgb=bool(layer.rgb))
    return guessed.replace("CZYX", "TZYX") if len(shape) == 4 + bool(layer.rgb) else guessed


def snapshot(layer: Image) -> Snapshot:
    """Take what a run needs of ``layer``."""
    data = layer.data[0] if layer.multiscale else layer.data
    provenance = layer.metadata.get(METADATA_KEY, {})
    return Snapshot(
        data=data,
        name=layer.name,
        rgb=bool(layer.rgb),
        kind=str(provenance.get("kind", "")),
        pixel_size=float(layer.scale[-1]),
        unit=str(layer.units[-1]),
        axes=axes_of(layer),
    )


def check_whole(layer: Image) -> None:
    """Raise :class:`ImageError` for a layer that is computed as it is looked at: most of it is an interpolation."""
    if layer.metadata.get(METADATA_KEY, {}).get("made_by") == LOOKED:
        raise ImageError(
            f"{layer.name} holds only what was looked at; elsewhere it shows the image, interpolated. Write the whole "
            "image first (Write whole image… in Super-resolve)."
        )


def unit_text(layer: Any) -> str:
    """Return the unit of a layer's columns as people write it: ``nm``, ``Mpc/h``, ``px``."""
    text = f"{layer.units[-1]:~P}".replace("Mpc_h", "Mpc/h")
    return "px" if text in ("", "pixel") else text


def check_axes(axes: str, layer: Image) -> None:
    """Raise :class:`ImageError` if ``axes`` do not fit the layer as napari shows it."""
    shape = tuple((layer.data[0] if layer.multiscale else layer.data).shape)
    Layout(axes, shape)
    if layer.rgb and not axes.endswith("S"):
        raise ImageError(f"{layer.name} is a colour layer: its last axis is S, not {axes[-1]}.")
    if not layer.rgb and "S" in axes:
        raise ImageError(
            f"{layer.name} is not shown as a colour layer, so none of its axes is S. Call it C, or open it as RGB."
        )


def spatial_factors(axes: str, factor: float) -> list[float]:
    """Return the sampling factor of each dimension that napari counts (colours are none)."""
    return [factor if a in "YX" else 1.0 for a in axes if a != "S"]


def first_pixel(axes: str, rows: slice, columns: slice) -> list[float]:
    """Return where a part of a layer begins, on every dimension that napari counts."""
    start = {"Y": rows.start or 0, "X": columns.start or 0}
    return [float(start.get(a, 0)) for a in axes if a != "S"]


def resampled_arguments(layer: Image, axes: str, factor: float, start: Sequence[float] | None = None) -> dict[str, Any]:
    """Return ``add_image`` arguments that put a resampled copy of ``layer``, or of a part of it, exactly over it."""
    arguments: dict[str, Any] = resampled_transform(layer, spatial_factors(axes, factor), start)
    arguments |= {
        "rgb": bool(layer.rgb),
        "blending": layer.blending,
        "opacity": float(layer.opacity),
        "axis_labels": layer.axis_labels,
        "units": layer.units,
    }
    if not layer.rgb:
        arguments |= {
            "colormap": layer.colormap,
            "gamma": float(layer.gamma),
            "contrast_limits": [float(v) for v in layer.contrast_limits],
        }
    return arguments


def provenance(report: Report, card: ModelCard, source: Snapshot) -> dict[str, Any]:
    """Return what a super-resolved layer says of itself."""
    return {
        METADATA_KEY: {
            "made_by": "super-resolution",
            "source_layer": source.name,
            "kind": source.kind,
            "report": asdict(report),
            "model_card": asdict(card),
        }
    }
