"""Running: what is asked for, how far it is, the layers that come of it, and the way back."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils import progress
from qtpy.QtCore import QTimer

from napari_sr.errors import SRError
from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.layers.parentage import no_truth
from napari_sr.widgets.layers.places import lies_elsewhere
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.results import add_result, earlier_results, result_maps
from napari_sr.widgets.layers.selection import selection_kept
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.preview_layer import remove_preview
from napari_sr.widgets.super_resolve.request import WHOLE, RunDone, UpscaleRequest, iter_run
from napari_sr.widgets.super_resolve.state import AROUND

if TYPE_CHECKING:
    from napari_sr.inference import Progress
    from napari_sr.widgets.super_resolve.dock import SuperResolve


#: milliseconds after which it is asked again whether the image was looked at
LOOK = 100


@dataclass(frozen=True)
class LastRun:
    """What the last run added, and what it took away: layers with their places in the list, lowest first."""

    result: Image
    replaced: tuple[tuple[int, Any], ...]


class Runs:
    """Runs the model on the image, one run at a time.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: SuperResolve) -> None:
        self.dock, self.viewer = dock, dock.viewer
        #: identifies the layer of the last run: what runs must not change because the image was measured meanwhile
        self.ran_on = 0
        self._last: LastRun | None = None
        self._activity: progress | None = None
        self._scale_bar_shown = False
        self._waiting = QTimer(dock)
        self._waiting.setSingleShot(True)
        self._waiting.timeout.connect(self.run)
        #: of the last run, in one sentence
        self.outcome = "done."

    @property
    def waiting(self) -> bool:
        """True while a run waits until the image was looked at."""
        return self._waiting.isActive()

    def run(self) -> None:
        """Super-resolve the layer, or the chosen part of it, in the background, then add the layers.

        While it is not known yet which model suits the image, and nobody has chosen one, that is waited for.
        """
        dock = self.dock
        if dock.form.fit_panel.busy and not dock.models.by_hand and not dock.running:
            dock.say_meanwhile("Looking at the image first …")
            self._waiting.start(LOOK)
            return
        try:
            request = dock.request()
        except SRError as error:
            dock.say(str(error), ERROR)
            return
        if request is None:
            return
        if objection := dock.form.fit_panel.objection(dock.models.card()):
            dock.say(objection, ERROR)
            return
        self.ran_on = id(request.layer)
        dock.previews.forget()
        dock.rates.forget()
        if dock.form.part_box.currentText() == AROUND:
            self._look_around(request)
            return
        self.open_activity(f"Super-resolving {request.source.name}")
        dock.say_meanwhile("Starting …")

        def show(event: Progress | RunDone) -> None:
            if isinstance(event, RunDone):
                self._add(request, event)
            else:
                self.advance(event)

        def work() -> Generator[Progress | RunDone, None, None]:
            return iter_run(request, dock.stopping)

        dock.start(work, show, keep=lambda event: isinstance(event, RunDone))

    def _look_around(self, request: UpscaleRequest) -> None:
        """Add a layer that is super-resolved where it is looked at."""
        card = self.dock.models.card()
        assert card is not None  # or there had been no request
        try:
            self.dock.looking.add(request, card)
        except SRError as error:
            self.dock.say(str(error), ERROR)

    def open_activity(self, what: str) -> None:
        """Show progress in napari's activity area, too."""
        self._activity = progress(total=1000, desc=what)

    def advance(self, event: Progress) -> None:
        """Show how far it is."""
        if not self.dock.running or self.dock.stopping():
            return
        value = round(1000 * event.fraction)
        self.dock.form.bar.setValue(value)
        left = "" if math.isnan(event.remaining) else f", {duration(event.remaining)} left"
        self.dock.say_meanwhile(event.stage or f"{event.fraction:.0%}{left}")
        # last: napari's progress bar processes events, so the job's end may be handled inside this call
        if self._activity is not None:
            self._activity.update(value - self._activity.n)

    def close_activity(self) -> None:
        """Show no progress any more."""
        self.dock.form.bar.setValue(0)
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def _add(self, request: UpscaleRequest, done: RunDone) -> None:
        """Add the result's layers; the source may have been removed meanwhile, its object has not."""
        dock, card, report = self.dock, done.card, done.compared.finished.report
        keep = dock.form.keep_box.isChecked()
        dock.tools.forget()
        remove_preview(self.viewer)
        replaced = () if keep else to_be_replaced(self.viewer, request.layer, card.name)
        added = add_result(
            self.viewer, request.layer, request.source, request.axes, card, done.compared, keep=keep,
            rows=request.rows, columns=request.columns,
        )  # fmt: skip
        # what asks later whether it can be trusted runs the same model again
        made = {"axes": request.axes, "loaded_from": (request.model, request.mix)}
        if request.rows != WHOLE or request.columns != WHOLE:
            made["part"] = [(part.start, part.stop) for part in (request.rows, request.columns)]
        added.metadata[METADATA_KEY] |= made
        self.take(request.layer, added, replaced)
        dock.rates.saw(card.name, request.settings, report.megapixels, report.seconds)
        self.outcome = f"{request.source.name} is done: {report.summary()}."
        dock.say(
            "\n".join(self._sentences(request, done, added)), ERROR if report.problems else "", tip=report.sentence()
        )

    def take(self, layer: Image, result: Image, replaced: tuple[tuple[int, Any], ...]) -> None:
        """Let the buttons of the result be about another one, which can be undone."""
        self._last = LastRun(result, replaced)
        self.dock.tools.take(layer, result)
        self._show_scale_bar(result)

    def _sentences(self, request: UpscaleRequest, done: RunDone, added: Image) -> list[str]:
        compared, report = done.compared, done.compared.finished.report
        lines = [f"{problem}." for problem in report.problems] + [report.summary() + "."]
        if compared.comparison is not None:
            lines.append(compared.sentence() + ".")
            if request.reference_layer is not None:
                lines += no_truth(request.reference_layer, [added], self.viewer.layers)
                lines += self._elsewhere(request, added, done.card.scale)
        lines += [compared.note] if compared.note else []
        return lines + [f"{note}." for note in report.notes]

    def _elsewhere(self, request: UpscaleRequest, added: Image, scale: int) -> list[str]:
        """Return a sentence if the reference lies elsewhere in the viewer than the image it was taken for."""
        reference = request.reference_layer
        start = ((request.rows.start or 0) * scale, (request.columns.start or 0) * scale)
        if reference is None or not lies_elsewhere(added, reference, self.viewer, start):
            return []
        return [
            f"{reference.name} lies elsewhere in the viewer than {request.source.name}: pixel was compared with pixel, "
            "as if it did not. Compare takes layers where they lie."
        ]

    def _show_scale_bar(self, layer: Image) -> None:
        """Switch the scale bar on where distances are known; once, so that it can be switched off again."""
        if self._scale_bar_shown or str(layer.units[-1]) == "pixel":
            return
        self._scale_bar_shown = True
        # moved with napari 0.9
        bar = self.viewer.canvas.overlays.scale_bar if hasattr(self.viewer, "canvas") else self.viewer.scale_bar
        bar.visible = True

    def undo(self) -> None:
        """Take the result of the last run away, and bring back what it replaced."""
        if self._last is not None:
            self.dock.tools.forget()
            take_back(self.viewer, self._last)
            self._last = None
            self.dock.say("The last run was undone.")
            self.dock.refresh()


def to_be_replaced(viewer: Any, layer: Image, model: str) -> tuple[tuple[int, Any], ...]:
    """Return the layers that a run of a model on a layer takes the place of."""
    old = earlier_results(viewer, layer, model)
    going = [x for one in old for x in (one, *result_maps(viewer, one))]
    return tuple((number, x) for number, x in enumerate(viewer.layers) if x in going)


def take_back(viewer: Any, last: LastRun) -> None:
    """Take the layers of a run away, and bring back those that it replaced."""
    with selection_kept(viewer):
        for layer in (last.result, *result_maps(viewer, last.result)):
            if layer in viewer.layers:
                remove_layer(viewer, layer)
        for number, layer in last.replaced:
            viewer.layers.insert(min(number, len(viewer.layers)), layer)
