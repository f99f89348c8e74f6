"""What *Compare* says."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from napari_sr.evaluation.comparison import Comparison, Shift
from napari_sr.evaluation.map_kinds import FLAGGED
from napari_sr.evaluation.table import short_names
from napari_sr.widgets.layers.snapshot import unit_text


def shift_sentence(shift: Shift, reference: Image | None) -> str:
    """Say how far an image is off, in pixels of the reference and in its unit."""
    world = ""
    if reference is not None and (unit := unit_text(reference)) != "px":
        from napari_sr.widgets.layers.places import plane_dims

        rows, columns = (float(reference.scale[dim]) for dim in plane_dims(reference))
        world = f" ({np.hypot(shift.rows * rows, shift.columns * columns):.3g} {unit})"
    return (
        f"{shift.name} does not lie over the reference: it would have to move by {shift.rows:+.1f} rows and "
        f"{shift.columns:+.1f} columns{world}. Its figures and maps are worse for it."
    )


def made_up(result: Comparison) -> str:
    """Say how much of every picture is flagged, with a line break before each."""
    short = short_names(list(result.maps))
    return "".join(
        f"\n{short[name]}: most of the detail is not the reference's on {share:.0%} of the area."
        for name, maps in result.maps.items()
        if FLAGGED in maps and (share := float(np.nanmean(maps[FLAGGED]))) >= 0
    )
