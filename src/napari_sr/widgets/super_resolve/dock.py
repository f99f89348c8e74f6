"""The dock widget *Super-resolve*."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils import progress
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.controls.mix_row import load_mixed, partners
from napari_sr.widgets.layers.parentage import no_truth
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.fit_watch import Judged, conditions_of
from napari_sr.widgets.super_resolve.folder import FolderSection
from napari_sr.widgets.super_resolve.form import ERROR_STYLE, SuperResolveForm
from napari_sr.widgets.super_resolve.live_preview import LivePreview, Previewed, PreviewRequest
from napari_sr.widgets.super_resolve.preview import LARGEST
from napari_sr.widgets.super_resolve.request import Catalogue, Request

if TYPE_CHECKING:
    import napari

    from napari_sr.conditions import Condition
    from napari_sr.evaluation.reference import Compared
    from napari_sr.models.model import Model, ModelCard

#: where no trained model suits an image
NEUTRAL = "bicubic-x4"
#: largest side of a preview that follows a slider, LR pixels: it has to keep up
LIVE = 128
NO_IMAGE = "Open an image, or File ▸ Open Sample ▸ Super-resolution."


class SuperResolve(SuperResolveForm):
    """Super-resolve an image layer with a model, and compare with a reference if there is one.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._activity: progress | None = None
        self._paths: dict[str, str] = {}
        self._rates: dict[str, float] = {}
        self._chosen_by_hand = False
        self._ran_on = 0  # identifies the layer of the last run
        self.live = LivePreview(self)
        self.folder = FolderSection(
            self.viewer, load=self._loader, start_job=self._start_folder, say=self.say, stopping=self.stopping
        )
        self.folder_box.addWidget(self.folder)
        self.layer_box.layer_changed.connect(self._on_layer)
        self.model_box.model_changed.connect(self._on_model)
        self.model_box.chosen.connect(self._on_chosen)
        self.mix_row.moved.connect(self.follow)
        self.conditions.moved.connect(self.follow)
        self.axes_edit.textChanged.connect(self._on_axes)
        self.fit_panel.judged.connect(self._on_judged)
        self.fit_panel.wanted.connect(self._use)
        self.fit_panel.changed.connect(self._measure)
        self.fit_panel.failed.connect(lambda reason: self.say(reason, ERROR_STYLE))
        self.live.done.connect(self._show_preview)
        self.live.failed.connect(lambda reason: self.say(reason, ERROR_STYLE))
        self.card_button.clicked.connect(self._show_card)
        self.open_button.clicked.connect(self._open_model)
        self.preview_button.clicked.connect(self._on_preview)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        catalogue().changed.connect(self._on_new_model)
        self._on_layer()
        self._load_catalogue()

    def _load_catalogue(self) -> None:
        """List models and devices in the background: importing torch takes seconds."""
        self.say("Loading the list of models …")

        def look() -> Generator[Catalogue, None, None]:
            from napari_sr.inference.device import available_devices
            from napari_sr.models.store import list_models

            yield Catalogue(tuple(list_models()), available_devices())

        def found(catalogue: Catalogue) -> None:
            self.model_box.set_cards(catalogue.cards)
            self._measure()
            self.settings.set_devices(catalogue.devices)
            self.say("" if self.layer_box.layer() else NO_IMAGE)

        self._start(look, found)

    def _on_new_model(self, name: str) -> None:
        """A model was added to the user's list: show it, whatever else is going on."""

        def look() -> Generator[list[ModelCard], None, None]:
            from napari_sr.models.store import list_models

            yield list_models()

        def found(cards: list[ModelCard]) -> None:
            opened = [c for c in self.model_box.cards() if c.name in self._paths]
            listed = [c for c in cards if c.name not in self._paths]
            self.model_box.set_cards([*opened, *listed])
            self.live.forget()  # a model may have come in the place of one that is loaded
            self._measure()

        self.start_side_job(look, found)

    def shut_down(self) -> None:
        """Stop listening to the other widgets too."""
        super().shut_down()
        self.fit_panel.shut_down()
        self.live.forget()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._on_new_model)

    # -- what the controls show -------------------------------------------------------------------

    def _on_layer(self) -> None:
        """A layer was chosen: guess its axes, and take its HR partner as reference."""
        layer = self.layer_box.layer()
        if id(layer) != self._ran_on:
            self._ran_on = 0  # who comes back to the image of the last run gets its model again
        self.reference_box.measure(layer)
        if layer is not None:
            from napari_sr.images.axes import guess_axes

            shape = layer.data[0].shape if layer.multiscale else layer.data.shape
            try:
                self.axes_edit.setText(guess_axes(tuple(shape), rgb=bool(layer.rgb)))
            except SRError as error:
                self.say(str(error), ERROR_STYLE)
            if self.status.text() == NO_IMAGE:
                self.say("")
        elif self._job is None:
            self.say(NO_IMAGE)
        self._measure()
        self.refresh()

    def _on_axes(self) -> None:
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        """Find out in the background what the image is like, and which models suit it."""
        self.conditions.set_estimate({})
        self.fit_panel.measure(self.layer_box.layer(), self.axes_edit.text().strip().upper(), self.model_box.cards())

    def _on_judged(self, judged: Judged) -> None:
        """The image was measured: tell it to the model, and take the recommended one unless one was chosen."""
        recommended = judged.recommended
        self.conditions.set_estimate(conditions_of(judged.seen))
        self.model_box.set_cards(self.model_box.cards(), recommended)
        if not self._chosen_by_hand and judged.layer != self._ran_on:
            self.model_box.select(recommended[0] if recommended else NEUTRAL)
        self.fit_panel.show_model(self.model_box.card(), self.model_box.cards())

    def _use(self, name: str) -> None:
        """The recommended model was clicked."""
        self._chosen_by_hand = False
        self.model_box.select(name)

    def choose_model(self, name: str) -> bool:
        """Choose a model as a person does, so that no recommendation takes its place; False if it is not listed."""
        self._chosen_by_hand = True
        return self.model_box.select(name)

    def _on_chosen(self) -> None:
        self._chosen_by_hand = True

    @property
    def busy(self) -> bool:
        """True while a run, a preview or a measurement of the image is under way."""
        return self._job is not None or self.live.busy or self.fit_panel.busy

    def refresh(self) -> None:
        """Enable what can be pressed now, and warn of a model far from what it knows."""
        running = self._job is not None
        layer, card = self.layer_box.layer(), self.model_box.card()
        ready = layer is not None and card is not None and not running
        self.run_button.setEnabled(ready)
        self.preview_button.setEnabled(ready)
        self.card_button.setEnabled(card is not None)
        self.open_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.folder.set_running(running or card is None)

    def _on_model(self) -> None:
        """A model was chosen: offer those that can be mixed with it."""
        card = self.model_box.card()
        mixable = partners(card, self.model_box.cards()) if card is not None else []
        self.mix_row.set_partners(mixable)
        self.form.setRowVisible(self.mix_row, bool(mixable))
        self.conditions.set_conditions(told_by(card), card.lr_images if card else None)
        self.fit_panel.show_model(card, self.model_box.cards())
        self.refresh()

    def _mix(self) -> tuple[str, float] | None:
        """Return the path or name of the model to mix in, and its share."""
        mix = self.mix_row.mix()
        return None if mix is None else (self._paths.get(mix[0], mix[0]), mix[1])

    def follow(self) -> None:
        """Something was moved that changes what a preview shows: show the latest, if there is a preview."""
        if self.preview_button.isEnabled():
            self.preview(largest=LIVE)

    def _show_card(self) -> None:
        from napari_sr.widgets.controls.card_view import CardDialog

        card = self.model_box.card()
        if card is not None:
            self._dialog = CardDialog(card, self)
            self._dialog.show()

    def _open_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open model file", "", "Models (*.safetensors *.pth *.pt);;All (*)")
        if path:
            self.open_model(Path(path))

    def open_model(self, path: Path) -> None:
        """Add the model in a file to the list and choose it; says what is wrong with the file otherwise."""

        def read() -> Generator[ModelCard, None, None]:
            from napari_sr.models.store import load_model

            yield load_model(path).card

        def add(card: ModelCard) -> None:
            self._paths[card.name] = str(path)
            others = [c for c in self.model_box.cards() if c.name != card.name]
            self.model_box.set_cards([card, *others])
            self.choose_model(card.name)
            self._measure()
            self.say(f"{card.name} was opened from {path.name}.")

        self.say(f"Opening {path.name} …")
        self._start(read, add)

    # -- jobs -------------------------------------------------------------------------------------

    def _start(self, make: Any, on_event: Any, *, keep: Any = lambda event: True) -> None:
        """Run one job, and say how it ended if it has not said so itself."""
        before = self.status.text()

        def end(how: Failed | Stopped | Ended) -> None:
            self._close_activity()
            if isinstance(how, Failed):
                self.say(how.message, ERROR_STYLE)
            elif isinstance(how, Stopped):
                self.say("Cancelled. Nothing was added.")
            elif self.status.text() == before:
                self.say("")

        self.start_job(make, on_event, end, keep=keep)

    def _loader(self) -> tuple[Callable[[], Model], dict[str, Any]] | None:
        """Return what loads the chosen model in the background, and the settings; None if none is chosen."""
        card = self.model_box.card()
        if card is None:
            return None
        name, mix = self._paths.get(card.name, card.name), self._mix()
        return lambda: load_mixed(name, mix), self.settings.settings()

    def _start_folder(self, work: Any, on_event: Any, keep: Any) -> None:
        def show(event: Any) -> None:
            if hasattr(event, "fraction"):
                self.bar.setValue(round(1000 * event.fraction))
            on_event(event)

        def end(how: Failed | Stopped | Ended) -> None:
            self._close_activity()
            if isinstance(how, Failed):
                self.say(how.message, ERROR_STYLE)
            elif isinstance(how, Stopped):
                self.say("Cancelled. What was written stays; the next run on the folder goes on from there.")

        self.start_job(work, show, end, keep=keep)

    def cancel(self) -> None:
        """Stop at the next tile."""
        super().cancel()
        if self._job is not None:
            self.cancel_button.setEnabled(False)
            self.say("Stopping …")

    def _close_activity(self) -> None:
        self.bar.setValue(0)
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def _request(self) -> Request | None:
        from napari_sr.widgets.layers.snapshot import check_axes, snapshot

        layer, card = self.layer_box.layer(), self.model_box.card()
        if layer is None or card is None or self._job is not None:
            return None
        try:
            check_axes(self.axes_edit.text().strip().upper(), layer)
        except SRError as error:
            self.say(str(error), ERROR_STYLE)
            return None
        return Request(
            source=snapshot(layer),
            layer=layer,
            reference_layer=self.reference_box.layer(),
            axes=self.axes_edit.text().strip().upper(),
            model=self._paths.get(card.name, card.name),
            mix=self._mix(),
            settings=self.settings.settings(),
            conditions=self.conditions.values(),
        )

    def run(self) -> None:
        """Super-resolve the whole layer in the background, then add the layers."""
        request = self._request()
        if request is None:
            return
        if objection := self.fit_panel.objection(self.model_box.card()):
            self.say(objection, ERROR_STYLE)
            return
        self._ran_on = id(request.layer)  # what runs must not change because the image was measured meanwhile
        self.live.forget()
        from napari_sr.widgets.layers.snapshot import snapshot

        reference = None if request.reference_layer is None else snapshot(request.reference_layer).data
        card: list[ModelCard] = []  # known once the model was loaded
        self._activity = progress(total=1000, desc=f"Super-resolving {request.source.name}")
        self.say("Starting …")

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.reference import iter_compared

            model = request.load()
            card[:] = [model.card]
            yield from iter_compared(
                request.source.data, model, reference, axes=request.axes, should_stop=self.stopping,
                conditions={c.name: request.conditions[c.name] for c in model.network.conditions
                            if c.name in request.conditions},
                **request.settings,
            )  # fmt: skip

        from napari_sr.evaluation.reference import Compared

        def show(event: Any) -> None:
            if isinstance(event, Compared):
                self._add(request, card[0], event)
            else:
                self._advance(event)

        self._start(work, show, keep=lambda event: isinstance(event, Compared))

    def _advance(self, event: Any) -> None:
        if self._job is None or self._job.cancelled:
            return
        value = round(1000 * event.fraction)
        self.bar.setValue(value)
        left = "" if math.isnan(event.remaining) else f", {duration(event.remaining)} left"
        self.say(event.stage or f"{event.fraction:.0%}, {event.rate:.2g} Mpx/s{left}")
        # last: napari's progress bar processes events, so the job's end may be handled inside this call
        if self._activity is not None:
            self._activity.update(value - self._activity.n)

    def _add(self, request: Request, card: ModelCard, result: Compared) -> None:
        """Add the result's layers; the source may have been removed meanwhile, its object has not."""
        from napari_sr.widgets.layers.results import add_result

        added = add_result(self.viewer, request.layer, request.source, request.axes, card, result)
        # what asks later whether it can be trusted runs the same model again
        added.metadata[METADATA_KEY] |= {"axes": request.axes, "loaded_from": (request.model, request.mix)}
        report = result.finished.report
        self._rates[card.name] = report.megapixels / max(report.seconds, 1e-6)
        lines = [report.sentence() + "."]
        if result.comparison is not None:
            lines.append(result.comparison.sentence() + ".")
            if request.reference_layer is not None:
                lines += no_truth(request.reference_layer, [added], self.viewer.layers)
        if result.note:
            lines.append(result.note)
        lines = [f"{problem}." for problem in report.problems] + lines
        self.say("\n".join(lines), ERROR_STYLE if report.problems else "")

    def _on_preview(self) -> None:
        self.preview()

    def preview(self, *, largest: int = LARGEST) -> None:
        """Super-resolve a square in the centre of the view, of at most ``largest`` LR pixels a side."""
        request = self._request()
        if request is None:
            return
        from napari_sr.widgets.super_resolve.preview import camera, side_for, visible_window

        card = self.model_box.card()
        assert card is not None
        side = min(largest, side_for(self._rates.get(card.name), card.scale))
        try:
            dims = self.viewer.dims
            window = visible_window(
                request.layer,
                request.axes,
                centre=camera(self.viewer).center,
                step=dims.point,
                world_units=getattr(self.viewer.layers, "units", None),
                displayed=dims.displayed,
                side=side,
            )
        except (SRError, ValueError) as error:
            self.say(str(error), ERROR_STYLE)
            return
        if not self.live.busy:
            self.say("Preview …")
        self.live.ask(PreviewRequest(request, window, request.conditions))

    def _show_preview(self, preview: Previewed) -> None:
        from napari_sr.widgets.super_resolve.preview import show_preview

        asked, report = preview.asked, preview.finished.report
        request, window = asked.request, asked.window
        self._rates[preview.model] = report.megapixels / max(report.seconds, 1e-6)
        if request.layer in self.viewer.layers:
            show_preview(self.viewer, request.layer, request.axes, window, preview.finished.image, preview.scale)
        side = window.rows.stop - window.rows.start, window.columns.stop - window.columns.start
        self.say(f"Preview of {side[0]} × {side[1]} pixels in {report.seconds:.2g} s.")


def told_by(card: ModelCard | None) -> tuple[Condition, ...]:
    """Return what a model can be told of an image."""
    from napari_sr.networks import NETWORKS

    return NETWORKS[card.network].conditions if card is not None and card.network in NETWORKS else ()
