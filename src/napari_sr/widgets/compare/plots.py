"""The dock with the curves of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.layers import Image, Shapes
from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_sr.errors import SRError
from napari_sr.paths import reason
from napari_sr.widgets.base.colours import text_colour
from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.base.messages import ERROR, message_label
from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.layers.places import grid_of, pixels, shown_index, unit_factor
from napari_sr.widgets.layers.snapshot import unit_text

if TYPE_CHECKING:
    from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
    from napari_sr.evaluation.plots import Curves, JointHistogram

SPECTRA, RATIO, FRC, PROFILE, JOINT, PLANES = (
    "Power spectra", "Power beside the reference's", "Fourier ring correlation", "Profile along a line",
    "Joint histogram", "Figures over the planes",
)  # fmt: skip
#: what each can show, and what it cannot
READ = {
    SPECTRA: "How much detail there is of every size, whether it is the right one or not.",
    RATIO: "1: as much detail of that size as in the reference. Above: too much, or noise. Below: lost.",
    FRC: "How far detail of every size is that of the reference. Where a curve sinks below 1/7, there is no more truth "
    "in it.",
    PROFILE: "Values along the last line of the Shapes layer, in every image.",
    JOINT: "On the line, both have the same value. A bent cloud: contrast was changed. A wide one: errors.",
    PLANES: "A figure of the table for every plane: where an image is worse than elsewhere.",
}


class ComparisonPlots(QWidget):
    """Curves of the compared images, of the plane that is shown.

    Parameters
    ----------
    viewer
        Its slice, and its lines.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._request: ComparisonRequest | None = None
        self._reference: Image | None = None
        self._result: Comparison | None = None
        self.plot: Curves | JointHistogram | None = None
        self.kind_box = Combo()
        self.kind_box.addItems(list(READ))
        self.image_box, self.metric_box = Combo(), Combo()
        self.refresh_button = QPushButton("Draw again")
        self.save_button = QPushButton("Save…")
        self.figure = Figure(facecolor="none", layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setStyleSheet("background: transparent;")
        self.canvas.setMinimumSize(360, 240)
        self.status = message_label()
        row = QHBoxLayout()
        row.addWidget(self.kind_box, 1)
        row.addWidget(self.image_box, 1)
        row.addWidget(self.metric_box, 1)
        row.addWidget(self.refresh_button)
        row.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.status)
        self.latest = Latest(self, self._draw, self._fail)
        self.kind_box.currentIndexChanged.connect(self.refresh)
        self.image_box.currentIndexChanged.connect(self.refresh)
        self.metric_box.currentIndexChanged.connect(self.refresh)
        self.refresh_button.clicked.connect(self.refresh)
        self.save_button.clicked.connect(self._choose_file)
        viewer.dims.events.current_step.connect(self.refresh)
        viewer.events.theme.connect(self.refresh)

    def show_comparison(self, request: ComparisonRequest, result: Comparison, reference: Image) -> None:
        """Take what is compared, and draw."""
        self._request, self._result, self._reference = request, result, reference
        metrics = {result.table.header(m): m for m in result.table.metrics}
        for box, entries in (
            (self.image_box, {c.name: c.name for c in request.candidates}),
            (self.metric_box, metrics),
        ):
            box.blockSignals(True)
            box.clear()
            for title, value in entries.items():
                box.addItem(title, value)
            box.blockSignals(False)
        self.refresh()

    def shut_down(self) -> None:
        """Stop listening to the viewer."""
        self.latest.forget()
        self._request = None
        self.viewer.dims.events.current_step.disconnect(self.refresh)
        self.viewer.events.theme.disconnect(self.refresh)

    def refresh(self, event: Any = None) -> None:
        """Compute the chosen curves in the background, then draw them."""
        if not isalive(self):  # the window was closed, and its layers go one by one
            return
        request, reference = self._request, self._reference
        self.image_box.setVisible(self.kind_box.currentText() == JOINT)
        self.metric_box.setVisible(self.kind_box.currentText() == PLANES)
        if request is None or reference is None:
            return
        try:
            compute = self._wanted(request, reference)
        except SRError as error:
            self._fail(str(error))
            return
        self.status.say("Drawing …", "")
        self.latest.ask(compute)

    def _wanted(self, request: ComparisonRequest, reference: Image) -> Callable[[], Any]:
        """Return what computes the chosen plot; raises :class:`SRError` if it cannot be."""
        from napari_sr.evaluation import plots
        from napari_sr.evaluation.table import short_names

        kind, number, chosen = (
            self.kind_box.currentText(),
            self._plane(request, reference),
            self.image_box.currentText(),
        )
        grid, unit = request.reference.grid, unit_text(reference)
        factor = unit_factor(reference, self.viewer)
        # rings of pixels that are no squares have one frequency only where pixels are counted
        size, of_size = (grid.step / factor, unit) if grid.is_square else (1.0, "px")
        line = self._line(reference) if kind == PROFILE else None
        names = short_names([c.name for c in request.candidates])
        result, metric, title = self._result, str(self.metric_box.currentData()), self.metric_box.currentText()
        if kind == PLANES and result is not None:
            if result.table.images < 2:
                raise SRError("The images are single planes: there is nothing to draw over planes.")
            rows = short_names(list(result.per_plane))
            return lambda: plots.over_planes(
                {rows[name]: values for name, values in result.per_plane.items()}, metric, title=title
            )

        def compute() -> Any:
            # spectra of densities are those of the densities themselves, everything else is of their logarithm
            raw, target, images, corner = planes(request, number, log=kind not in (SPECTRA, RATIO))
            shown = {names[name]: image for name, image in images.items()}
            if kind == JOINT:
                return plots.joint_histogram(names[chosen], images[chosen], target)
            if kind == FRC:
                return plots.ring_correlations(shown, target, pixel_size=size, unit=of_size)
            if line is not None:
                value = "log₁₀ density" if request.density else "grey level"
                start, end = (point - corner for point in line)
                length = grid.length(*(end - start)) / factor
                return plots.line_profile(
                    {"reference": target, **shown}, start, end, value=value, length=length, unit=unit
                )
            return plots.spectra(shown, raw, ratio=kind == RATIO, pixel_size=size, unit=of_size)

        return compute

    def _plane(self, request: ComparisonRequest, reference: Image) -> int:
        """Return the number of the plane that is shown."""
        stacked = request.reference.stacked
        if not stacked or reference not in self.viewer.layers:
            return 0
        return int(np.ravel_multi_index(shown_index(reference, self.viewer), stacked))

    def _line(self, reference: Image) -> tuple[Any, Any]:
        """Return both ends of the last line that was drawn, in pixels of the reference."""
        shapes = [x for x in self.viewer.layers if isinstance(x, Shapes) and "line" in x.shape_type]
        if not shapes:
            raise SRError(
                "Add a Shapes layer (the button above the list of layers), draw a line in it, then Draw again."
            )
        layer = shapes[-1]
        last = max(i for i, kind in enumerate(layer.shape_type) if kind == "line")
        own = grid_of(layer, self.viewer)
        world = np.asarray(layer.data[last])[:, -2:] @ np.array(own.matrix).T + own.offset
        start, end = pixels(grid_of(reference, self.viewer), world)
        return start, end

    def _draw(self, plot: Curves | JointHistogram) -> None:
        self.plot = plot
        self.figure.clear()
        plot.draw(self.figure, colour=text_colour())
        self.canvas.draw_idle()
        self.status.say(READ[self.kind_box.currentText()], "")
        self.save_button.setEnabled(True)

    def _fail(self, message: str) -> None:
        self.plot = None
        self.figure.clear()
        self.canvas.draw_idle()
        self.status.say(message, ERROR)
        self.save_button.setEnabled(False)

    def _choose_file(self) -> None:
        kinds = "Picture (*.png);;Drawing (*.svg);;Values (*.csv)"
        path, _ = QFileDialog.getSaveFileName(self, "Save the plot", "plot.png", kinds)
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the plot: dark text on white as PNG or SVG, or its values as CSV."""
        if self.plot is None:
            return
        try:
            if path.suffix.lower() == ".csv":
                path.write_text(self.plot.to_csv(), encoding="utf-8")
            else:
                printed = Figure(figsize=(7, 4.5), layout="constrained")
                self.plot.draw(printed)
                printed.savefig(path, dpi=200)
        except (OSError, ValueError) as error:
            self._tell(f"{path} could not be written ({reason(error)}).")
            return
        self.status.say(f"Saved {path}.", "")

    def _tell(self, message: str) -> None:
        self.status.say(message, ERROR)


def planes(request: ComparisonRequest, number: int, *, log: bool) -> tuple[Any, Any, dict[str, Any], Any]:
    """Return a plane of the reference, as it is and as it is compared, and of every candidate on its grid.

    Outside of what all of them cover, there is nothing to compare: that is cut away, and the border too. The last of
    what is returned is the first row and column that is left.
    """
    from napari_sr.evaluation.compare import brought, common_part
    from napari_sr.evaluation.tally import seen_beside

    part, whole = common_part(request), request.reference.plane(number)
    view, raw = seen_beside(whole, density=request.density and log), whole[part]
    images = {c.name: view(brought(c, number, request.reference)[part]) for c in request.candidates}
    return raw, view(raw), images, np.array([part[0].start, part[1].start])
