"""The dock widget *Super-resolve*: it acts on what is pressed, and lets the form show what follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_sr.errors import SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.drops import TakesFiles
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.base.remembered import remember, remembered
from napari_sr.widgets.controls.adding import SUFFIXES
from napari_sr.widgets.layers.pixel_size import set_pixel_size
from napari_sr.widgets.layers.snapshot import axes_of
from napari_sr.widgets.super_resolve.asking import request_of
from napari_sr.widgets.super_resolve.fit_watch import ImageFits, conditions_of
from napari_sr.widgets.super_resolve.folder import FolderSection
from napari_sr.widgets.super_resolve.form import SuperResolveForm
from napari_sr.widgets.super_resolve.live_preview import LivePreview
from napari_sr.widgets.super_resolve.looking import LookingAround
from napari_sr.widgets.super_resolve.model_choice import ModelChoice, told_by
from napari_sr.widgets.super_resolve.rate_watch import RateWatch
from napari_sr.widgets.super_resolve.request import UpscaleRequest
from napari_sr.widgets.super_resolve.result_bar import ResultTools
from napari_sr.widgets.super_resolve.running import Runs
from napari_sr.widgets.super_resolve.state import AROUND, SMALL, Choices, resolve

if TYPE_CHECKING:
    import napari

NAME = "Super-resolve"


class SuperResolve(TakesFiles):
    """Super-resolve an image layer with a model, and compare with a reference if there is one.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, title=NAME, help_page="README.md#super-resolve")
        self.form = SuperResolveForm(self.viewer)
        self._told_end = True
        self.models, self.rates = ModelChoice(self), RateWatch(self, self.refresh)
        self.previews, self.runs = LivePreview(self), Runs(self)
        self.tools = ResultTools(self.viewer, self.form.result_bar, self.say)
        self.looking = LookingAround(self)
        self.folder = FolderSection(
            self.viewer, load=self.models.loader, start_job=self._start_folder, say=self.say, stopping=self.stopping
        )
        self.form.folder_box.addWidget(self.folder)
        self.lay_out(self.form)
        self.setAcceptDrops(True)
        self.form.keep_box.setChecked(bool(remembered(NAME).get("keep", False)))
        self._connect()
        self._on_layer()
        self.models.load()

    def _connect(self) -> None:
        form = self.form
        form.layer_box.layer_changed.connect(self._on_layer)
        form.model_box.model_changed.connect(self._on_model)
        form.model_box.chosen.connect(self._on_chosen)
        form.axes_edit.textChanged.connect(self._on_axes)
        form.part_box.currentTextChanged.connect(self.refresh)
        form.fit_panel.fits_found.connect(self._on_fits)
        form.fit_panel.wanted.connect(self.models.take_recommended)
        form.fit_panel.sized.connect(
            lambda layer, axes, size, unit: set_pixel_size(layer, axes, size, unit, list(self.viewer.layers))
        )
        form.fit_panel.changed.connect(self.measure)
        form.fit_panel.failed.connect(lambda reason: self.say(reason, ERROR))
        form.moved.connect(self._on_moved)
        form.preview_pressed.connect(self.previews.ask)
        form.run_pressed.connect(self.runs.run)
        form.cancel_pressed.connect(self.cancel)
        form.result_bar.pressed.connect(self._on_result_button)
        form.card_pressed.connect(self._show_card)
        form.open_pressed.connect(self.models.ask_for_file)
        form.help_pressed.connect(self.open_handbook)
        form.settings.changed.connect(self._remember)
        form.settings.memory.valueChanged.connect(self.looking.resize)
        form.keep_box.toggled.connect(self._remember)
        catalogue().changed.connect(self._on_new_model)
        self.viewer.layers.events.removed.connect(self._on_removed)
        self.viewer.layers.selection.events.active.connect(self.refresh)

    # -- what is said and shown -------------------------------------------------------------------

    def say(self, text: str, tone: str = "", *, tip: str = "") -> None:
        """Say what came out, with what else there is to know in a tooltip."""
        self._told_end = True
        self.form.status.say(text, tone)
        self.form.status.setToolTip(tip)

    def say_meanwhile(self, text: str) -> None:
        """Say how far it is: gone once it has ended, unless something else was said."""
        self._told_end = False
        self.form.status.say(text, "")

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        self.form.show_state(resolve(self._choices()))
        self.folder.set_running(self.running or self.models.card() is None)

    def _choices(self) -> Choices:
        layer, card, active = self.form.layer_box.layer(), self.models.card(), self.viewer.layers.selection.active
        shape = () if layer is None else (layer.data[0] if layer.multiscale else layer.data).shape
        return Choices(
            image="" if layer is None else layer.name,
            megapixels=math.prod(int(n) for n in shape) / 1e6,
            selected_labels=active.name if isinstance(active, Labels) else "",
            card=card,
            partners=len(self.models.partners()),
            running=self.running,
            stopping=self.stopping(),
            result=self.tools.there(),
            maps=bool(self.tools.maps()),
            rate=None if card is None else self.rates.rate(card.name, self.form.settings.settings()),
            loading=self.models.loading,
            around=self.form.part_box.currentText() == AROUND,
            lazy=self.looking.shown() is not None,
        )

    @property
    def busy(self) -> bool:
        """True while a run, a preview or a measurement of the image is under way."""
        return self.running or self.runs.waiting or self.previews.busy or self.form.fit_panel.busy

    def outcome(self) -> str:
        """Return what is told of a run to those who look elsewhere."""
        return self.runs.outcome

    # -- what was chosen --------------------------------------------------------------------------

    def _on_layer(self) -> None:
        """A layer was chosen: guess its axes, and take its HR partner as reference."""
        layer = self.form.layer_box.layer()
        if id(layer) != self.runs.ran_on:
            self.runs.ran_on = 0  # who comes back to the image of the last run gets its model again
        self.form.reference_box.measure(layer)
        if layer is not None:
            try:
                self.form.axes_edit.setText(axes_of(layer))
            except SRError as error:
                self.say(str(error), ERROR)
        self.measure()
        self.refresh()

    def _on_axes(self) -> None:
        self.measure()
        self.refresh()

    def measure(self) -> None:
        """Find out in the background what the image is like, and which models suit it."""
        form = self.form
        form.conditions.set_estimate({})
        form.fit_panel.measure(form.layer_box.layer(), form.axes(), form.model_box.cards())

    def _on_fits(self, found: ImageFits) -> None:
        """The image was measured: tell it to the model, and take the recommended one unless one was chosen."""
        self.form.conditions.set_estimate(conditions_of(found.seen))
        self.models.recommend(found.recommended, keep=found.layer == self.runs.ran_on)
        self.form.fit_panel.show_model(self.models.card(), self.form.model_box.cards())
        self._time()

    def _on_model(self) -> None:
        """A model was chosen: offer those that can be mixed with it."""
        card = self.models.card()
        self.form.mix_row.set_partners(self.models.partners())
        self.form.conditions.set_conditions(told_by(card), card.lr_images if card else None)
        self.form.fit_panel.show_model(card, self.form.model_box.cards())
        self._time()
        self.refresh()

    def _on_moved(self) -> None:
        if not self.looking.follow():
            self.previews.follow()

    def _on_chosen(self) -> None:
        self.models.by_hand = True

    def choose_model(self, name: str) -> bool:
        """Choose a model as a person does, so that no recommendation takes its place; False if it is not listed."""
        return self.models.choose(name)

    def open_model(self, path: Path) -> None:
        """Add the model in a file to the list and choose it; says what is wrong with the file otherwise."""
        self.models.open(path)

    def _on_new_model(self, name: str) -> None:
        self.models.reload()

    def _on_removed(self, event: Any = None) -> None:
        if not self.tools.there():
            self.tools.forget()
        self.refresh()

    def request(self, *, whole: bool = False) -> UpscaleRequest | None:
        """Return what is asked for, of the whole image or the chosen part; None if nothing can be.

        Raises
        ------
        SRError
            If what was chosen does not go together.
        """
        return None if self.running else request_of(self.viewer, self.form, self.models, whole=whole)

    def _time(self) -> None:
        """Find out how long a run on a larger image will take."""
        choices = self._choices()
        if choices.card is None or choices.megapixels * choices.card.scale**2 < SMALL:
            return
        with suppress(SRError):  # said when it is run
            if (request := self.request(whole=True)) is not None:
                self.rates.ask(choices.card.name, request)

    # -- what is done -----------------------------------------------------------------------------

    def start(
        self, make: Any, on_event: Any, *, keep: Any = lambda event: True, patient: bool = False,
        cancelled: Callable[[], str] = lambda: "Cancelled. Nothing was added.",
    ) -> None:  # fmt: skip
        """Run one job, and say how it ended if it has not said so itself."""

        def end(how: Failed | Stopped | Ended) -> None:
            self.runs.close_activity()
            if isinstance(how, Failed):
                self.say(how.message, ERROR)
            elif isinstance(how, Stopped):
                self.say(cancelled())
            elif not self._told_end:
                self.say("")
            self.looking.catch_up()

        self.start_job(make, on_event, end, keep=keep, patient=patient)

    def _start_folder(self, work: Any, on_event: Any, keep: Any) -> None:
        from napari_sr.inference.batch import BatchProgress

        def show(event: Any) -> None:
            if isinstance(event, BatchProgress):
                self.form.bar.setValue(round(1000 * event.fraction))
            on_event(event)

        kept = "Cancelled. What was written stays; the next run on the folder goes on from there."
        self.start(work, show, keep=keep, cancelled=lambda: kept)

    def run(self) -> None:
        """Super-resolve the layer, or the chosen part of it."""
        self.runs.run()

    def preview(self) -> None:
        """Super-resolve a square in the centre of the view."""
        self.previews.ask()

    def cancel(self) -> None:
        """Stop at the next tile."""
        super().cancel()
        if self.running:
            self.say_meanwhile("Stopping …")
            self.refresh()

    def _on_result_button(self, name: str, on: bool) -> None:
        if name == "compare":
            self.viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
        elif name == "undo":
            self.runs.undo()
        elif name == "write":
            self.looking.ask_where()
        else:
            self.tools.switch(name, on)

    def _show_card(self) -> None:
        from napari_sr.widgets.controls.card_view import CardDialog

        card = self.models.card()
        if card is not None:
            self.dialog = CardDialog(card, self)
            self.dialog.show()

    def wants(self, file: Path) -> bool:
        """Take model files; images are for the viewer."""
        return file.suffix.lower() in SUFFIXES

    def take(self, file: Path) -> None:
        """Open a model that was dropped here."""
        self.models.open(file)

    def _remember(self) -> None:
        if not self.models.loading:  # devices are not listed yet
            remember(NAME, keep=self.form.keep_box.isChecked(), settings=self.form.settings.remembered())

    def on_closing(self) -> None:
        """The window closes: what is computed as one looks around stops, too."""
        super().on_closing()
        self.looking.pause()

    def shut_down(self) -> None:
        """Stop listening to the other widgets too."""
        super().shut_down()
        self.form.fit_panel.shut_down()
        self.previews.forget()
        self.rates.forget()
        self.looking.shut_down()
        self.tools.forget()
        with suppress(RuntimeError, TypeError, ValueError):  # it was done before
            catalogue().changed.disconnect(self._on_new_model)
            self.viewer.layers.events.removed.disconnect(self._on_removed)
            self.viewer.layers.selection.events.active.disconnect(self.refresh)
