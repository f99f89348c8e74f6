"""From what was chosen in *Super-resolve* to what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes

from napari_sr.errors import ImageError
from napari_sr.widgets.layers.places import drawn_region, view_region
from napari_sr.widgets.layers.snapshot import check_axes, check_whole, snapshot
from napari_sr.widgets.super_resolve.request import WHOLE, UpscaleRequest
from napari_sr.widgets.super_resolve.state import RECTANGLE, VIEW

if TYPE_CHECKING:
    from napari_sr.widgets.super_resolve.form import SuperResolveForm
    from napari_sr.widgets.super_resolve.model_choice import ModelChoice


def request_of(viewer: Any, form: SuperResolveForm, models: ModelChoice, *, whole: bool) -> UpscaleRequest | None:
    """Return what is asked for, of the whole image or the chosen part; None without an image or a model.

    Raises
    ------
    SRError
        If what was chosen does not go together.
    """
    layer, card = form.layer_box.layer(), models.card()
    if layer is None or card is None:
        return None
    check_axes(form.axes(), layer)
    check_whole(layer)
    rows, columns = (WHOLE, WHOLE) if whole else chosen_part(viewer, layer, form.part_box.currentText())
    reference = form.reference_box.layer()
    return UpscaleRequest(
        source=snapshot(layer), layer=layer, reference_layer=reference,
        reference=None if reference is None else snapshot(reference).data, axes=form.axes(),
        model=models.source(card), mix=models.mix(), settings=form.settings.settings(),
        conditions=form.conditions.values(), rows=rows, columns=columns,
    )  # fmt: skip


def chosen_part(viewer: Any, layer: Image, part: str) -> tuple[slice, slice]:
    """Return the rows and columns of a layer that are chosen.

    Raises
    ------
    ImageError
        If there are none.
    """
    if part == VIEW:
        region = view_region(layer, viewer)
    elif part == RECTANGLE:
        active = viewer.layers.selection.active
        drawn = [x for x in viewer.layers if isinstance(x, Shapes) and len(x.data)]
        if not drawn:
            raise ImageError("There is no rectangle. Add a Shapes layer, and draw one around what you want to see.")
        region = drawn_region(active if active in drawn else drawn[-1], layer, viewer)
    else:
        return WHOLE, WHOLE
    return region.rows, region.columns
