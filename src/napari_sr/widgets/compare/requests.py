"""What was chosen in *Compare*, as what is asked of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes

from napari_sr.errors import SRError
from napari_sr.evaluation.comparison import ComparisonRequest
from napari_sr.evaluation.map_kinds import HALLUCINATED
from napari_sr.widgets.compare.form import SHAPES, VIEW, CompareForm

if TYPE_CHECKING:
    from napari_sr.evaluation.comparison import Region
    from napari_sr.images.grid import GridImage


class Chosen:
    """Reads a form, on the main thread.

    Parameters
    ----------
    form
        The form.
    viewer
        Whose layers are chosen, and whose view and shapes say where to measure.
    """

    def __init__(self, form: CompareForm, viewer: Any) -> None:
        self.form, self.viewer = form, viewer

    def comparison(self, reference: Image) -> ComparisonRequest:
        """Return what is to be compared; raises :class:`SRError` if it cannot be."""
        from napari_sr.metrics import METRICS
        from napari_sr.metrics.learned import LEARNED
        from napari_sr.widgets.layers.places import check_units, grid_image

        form, candidates = self.form, self.form.candidates.layers()
        check_units(candidates, reference)
        maps = ("ssim",) if form.ssim_box.isChecked() else ()
        if form.error_box.isChecked():
            maps = (*maps, str(form.kind_box.currentData()))
        if form.hallucination_box.isChecked():
            maps = (*maps, HALLUCINATED)
        return ComparisonRequest(
            reference=grid_image(reference, self.viewer),
            candidates=tuple(grid_image(layer, self.viewer) for layer in candidates),
            regions=self._regions(reference), data_range=form.range_box.value() or None, crop=form.crop_box.value(),
            match=form.match_box.isChecked(), density=form.density_box.isChecked(), maps=maps,
            learned=tuple(LEARNED) if form.iqa_box.isChecked() else (),
            metrics=tuple(dict.fromkeys((*ComparisonRequest.metrics, *METRICS))),
        )  # fmt: skip

    def ranked(self) -> tuple[GridImage, tuple[GridImage, ...], dict[str, bool]]:
        """Return what is ranked; raises :class:`SRError` if that is too little."""
        from napari_sr.widgets.layers.places import check_units, grid_image

        reference, candidates = self.form.reference_box.layer(), self.form.candidates.layers()
        if reference is None or len(candidates) < 2:
            raise SRError("A ranking needs a reference and at least two ticked images.")
        check_units(candidates, reference)
        how = {"density": self.form.density_box.isChecked(), "match": self.form.match_box.isChecked()}
        return grid_image(reference, self.viewer), tuple(grid_image(x, self.viewer) for x in candidates), how

    def ranked_shapes(self) -> tuple[tuple[Region, ...], int]:
        """Return the places of the shapes, and the plane of the reference that is shown."""
        from napari_sr.widgets.layers.places import grid_image, shown_index

        found, reference = self._shape_regions(), self.form.reference_box.layer()
        assert reference is not None  # or there had been no places
        stacked = grid_image(reference, self.viewer).stacked
        return found, int(np.ravel_multi_index(shown_index(reference, self.viewer), stacked)) if stacked else 0

    def _regions(self, reference: Image) -> tuple[Region, ...]:
        from napari_sr.widgets.layers.places import view_region

        where = self.form.where_box.currentText()
        if where == VIEW:
            return (view_region(reference, self.viewer),)
        return self._shape_regions() if where == SHAPES else ()

    def _shape_regions(self) -> tuple[Region, ...]:
        """Return the places of the shapes in the reference; raises :class:`SRError` if there are none."""
        from napari_sr.widgets.layers.places import shape_regions

        reference, active = self.form.reference_box.layer(), self.viewer.layers.selection.active
        shapes = [layer for layer in self.viewer.layers if isinstance(layer, Shapes)]
        if not shapes or reference is None:
            raise SRError("There is no Shapes layer. Add one, and draw rectangles around what you want to measure.")
        return shape_regions(active if isinstance(active, Shapes) else shapes[-1], reference, self.viewer)
