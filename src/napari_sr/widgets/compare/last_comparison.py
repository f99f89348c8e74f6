"""The last comparison: what it shows, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.evaluation.map_kinds import unit_of
from napari_sr.paths import reason
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.compare.form import CompareForm
from napari_sr.widgets.compare.texts import made_up, shift_sentence
from napari_sr.widgets.layers.maps import add_maps, geometry_of, is_map, map_layers, remove_maps
from napari_sr.widgets.layers.snapshot import METADATA_KEY, unit_text

if TYPE_CHECKING:
    from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
    from napari_sr.widgets.compare.plots import ComparisonPlots

#: group of its maps
COMPARISON = "comparison"


class LastComparison(QObject):
    """Shows a comparison as table, maps and curves, and writes it down.

    Parameters
    ----------
    form, viewer
        Where it is shown.
    say
        Says what came out.
    start_job
        Runs something in the background.

    Attributes
    ----------
    request, result, reference
        Of the last comparison; None before the first.
    misplaced
        Layers that lie off their reference, and by how much: (rows, columns) of the reference's pixels.
    """

    def __init__(
        self, form: CompareForm, viewer: Any, *, say: Callable[..., None], start_job: Callable[..., None]
    ) -> None:
        super().__init__(form)
        self.form, self.viewer, self._say, self._start = form, viewer, say, start_job
        self.request: ComparisonRequest | None = None
        self.result: Comparison | None = None
        self.reference: Image | None = None
        self.misplaced: list[tuple[Image, tuple[float, float]]] = []
        self.plots: ComparisonPlots | None = None
        self.plots_dock: Any = None
        form.copy_button.clicked.connect(self._copy)
        form.save_button.clicked.connect(self._choose_file)
        form.plots_button.clicked.connect(self.show_plots)
        form.report_button.clicked.connect(self._choose_report)

    def show(
        self, request: ComparisonRequest, reference: Image, result: Comparison, layers: Mapping[str, Image]
    ) -> None:
        """Show a comparison in place of the one before; ``layers`` are the compared ones by their names."""
        self.request, self.result, self.reference = request, result, reference
        if there := reference in self.viewer.layers:
            maps = map_layers(result.maps, geometry_of(reference), reference=reference.name)
            add_maps(self.viewer, maps, group=COMPARISON, unit=unit_of(density=request.density))
        if self.plots is not None and isalive(self.plots_dock):
            self.plots.show_comparison(request, result, reference)
        self.form.table.show_table(result.table, pixel=self._pixel(request, reference))
        self.form.conditions.setText(result.table.conditions_line() + ".")
        self._warn(result, layers)
        gone = "" if there else " The reference is gone, so no maps were added."
        self._say(f"Done.{gone}{made_up(result)}")

    def _pixel(self, request: ComparisonRequest, reference: Image) -> tuple[float, str]:
        """Return the length of a pixel of the reference and its unit; (1, "px") if it is not known, or not one."""
        from napari_sr.widgets.layers.places import unit_factor

        unit = unit_text(reference)
        if unit in ("", "px", "pixel") or not request.reference.grid.is_square:
            return 1.0, "px"
        return request.reference.grid.step / unit_factor(reference, self.viewer), unit

    def _warn(self, result: Comparison, layers: Mapping[str, Image]) -> None:
        """Say what has to be known to read the figures."""
        lines = list(result.notes)
        for shift in result.shifts:
            lines.append(shift_sentence(shift, self.reference))
            if layers[shift.name] in self.viewer.layers:
                self.misplaced.append((layers[shift.name], (shift.rows, shift.columns)))
        self.form.warning.setText("\n".join(lines))

    def forget_shifts(self) -> None:
        """What was measured does not hold any more: nothing is moved by it."""
        self.misplaced = []
        self.form.warning.setText("")

    def move_layers(self) -> None:
        """Move the layers that were off into their place."""
        from napari_sr.widgets.layers.places import plane_dims, unit_factor

        assert self.request is not None
        matrix = np.array(self.request.reference.grid.matrix)
        for layer, shift in self.misplaced:
            translate = np.array(layer.translate, dtype=float)
            affine = np.asarray(getattr(layer.affine, "affine_matrix", layer.affine), dtype=float)
            dims = list(plane_dims(layer))
            world = matrix @ np.array(shift) / unit_factor(layer, self.viewer)
            translate[dims] += np.linalg.inv(affine[np.ix_(dims, dims)]) @ world
            layer.translate = translate
        self.forget_shifts()

    def maps(self) -> int:
        """Return how many of its maps are in the viewer."""
        return sum(is_map(x) and x.metadata[METADATA_KEY].get("group") == COMPARISON for x in self.viewer.layers)

    def clear(self) -> None:
        """Take its maps away."""
        remove_maps(self.viewer, COMPARISON)
        self._say("The maps were removed.")

    def show_plots(self) -> None:
        """Open the dock with the curves, or bring it to the front."""
        from napari_sr.widgets.compare.plots import ComparisonPlots

        if self.request is None or self.result is None or self.reference is None:
            return
        if self.plots is not None and not isalive(self.plots_dock):  # its dock was closed
            self.shut_down()
        if self.plots is None:
            self.plots = ComparisonPlots(self.viewer)
            self.plots_dock = self.viewer.window.add_dock_widget(self.plots, name="Curves", area="bottom")
        self.plots_dock.show()
        self.plots.show_comparison(self.request, self.result, self.reference)

    def _copy(self) -> None:
        self.form.table.copy()
        self._say("The table was copied.")

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.form, "Save the table", "comparison.csv", "Tables (*.csv)")
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table as CSV."""
        try:
            self.form.table.save(path)
        except OSError as error:
            self._say(f"{path} could not be written ({reason(error)}).", ERROR)
            return
        self._say(f"Saved {path}.")

    def _choose_report(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.form, "Save the report", "comparison.html", "Reports (*.html)")
        if path:
            self.report(Path(path))

    def report(self, path: Path) -> None:
        """Write table, pictures and curves as one HTML file, in the background."""
        request, result = self.request, self.result
        if request is None or result is None:
            return

        def work() -> Generator[str, None, None]:
            from napari_sr.evaluation.report import comparison_report

            try:
                path.write_text(comparison_report(request, result), encoding="utf-8")
            except OSError as error:
                raise SRError(f"{path} could not be written ({reason(error)}).") from None
            yield f"Saved {path}."

        self._say("Writing the report …")
        self._start(work, self._say)

    def shut_down(self) -> None:
        """Stop following the viewer."""
        if self.plots is not None:
            self.plots.shut_down()
            self.plots = None
