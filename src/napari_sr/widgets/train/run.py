"""The third step of *Train*: one training, from its first step to its end, and what is shown of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.train.curve_view import CurveView
from napari_sr.widgets.train.form import TrainForm

if TYPE_CHECKING:
    from napari_sr.training.preview import Place
    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.session import Event, Started, Trained, Watching
    from napari_sr.widgets.train.watch import Watch


class TrainingRun(QObject):
    """A training that is under way, and what the form and the canvas show of it.

    Parameters
    ----------
    form
        Where progress and curves are shown.
    viewer
        Where the box and its pictures are shown.
    stopping
        Returns True once the run was asked to stop; called from its thread.
    running
        Returns True while it is under way.

    Attributes
    ----------
    step
        The last one that was reported.
    """

    #: something can be pressed now that could not before
    changed = Signal()
    #: a model is in the user's list: its name
    installed = Signal(str)
    #: emitted in the training's thread once it is held, after its present step
    _held = Signal()

    def __init__(
        self, form: TrainForm, viewer: Any, *, stopping: Callable[[], bool], running: Callable[[], bool]
    ) -> None:
        super().__init__(form)
        self.form, self.viewer = form, viewer
        self._stopping, self._running = stopping, running
        self._pause = threading.Event()
        self._layer: Any = None
        self._done = 0
        self.started: Started | None = None
        self.report: Path | None = None
        self.watch: Watch | None = None
        self.step = 0
        self.curves = CurveView()
        self.curves.hide()
        form.curve_place.addWidget(self.curves)
        # what it reports of that step comes first
        self._held.connect(lambda: QTimer.singleShot(100, self._on_held))

    @property
    def paused(self) -> bool:
        """True while the run is held, or will be after its present step."""
        return self._pause.is_set()

    # -- its beginning, in the GUI's thread -------------------------------------------------------

    def begin(self, layer: Any) -> None:
        """Forget the run before, and get ready for one on ``layer``, or on files if that is None."""
        self._pause.clear()
        self.report, self.started, self._layer = None, None, layer
        self.step = self._done = 0
        self.curves.hide()
        self.form.warn("")
        self.form.verdict_box.clear()
        self.form.patch_label.setText("")
        self.form.status.say("Starting …")
        self.form.data_section.collapse(animate=False)
        self.form.recipe_section.collapse(animate=False)

    def watching(self) -> Watching:
        """Return what looks at the run from its own thread."""
        from napari_sr.training.session import Watching
        from napari_sr.widgets.train.stage import SIDE

        return Watching(should_stop=self._should_stop, place=self._place, side=SIDE)

    # -- in the training's thread -----------------------------------------------------------------

    def counted(self, events: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """Pass events on, and note the step of each, also of those that are not shown."""
        from napari_sr.training.progress import TrainProgress

        for event in events:
            if isinstance(event, TrainProgress):
                self._done = event.step
            yield event

    def _should_stop(self) -> bool:
        """Asked by the training after every step; it is paused as long as this does not return."""
        told = False
        while self._pause.is_set() and not self._stopping():
            if not told:
                told = True
                self._held.emit()
            time.sleep(0.05)
        return self._stopping()

    def _place(self) -> Place | None:
        """Return what is looked at; None until the box is there, which may take the window longer than a first step."""
        watch = self.watch  # it may be gone in the next line
        return None if watch is None else watch.stage.place()

    # -- what it tells ----------------------------------------------------------------------------

    @staticmethod
    def must_show(event: Event) -> bool:
        """Return True for an event that is not replaced by the next one."""
        from napari_sr.training.progress import TrainProgress

        return not isinstance(event, TrainProgress) or event.val_psnr is not None or bool(event.note or event.stage)

    def show(self, event: Event) -> None:
        """Show one event of the run."""
        from napari_sr.training.preview import Patches
        from napari_sr.training.session import Started, Trained

        if isinstance(event, Started):
            self._on_started(event)
        elif isinstance(event, Trained):
            self._on_trained(event)
        elif isinstance(event, Patches):
            if self.watch is not None:
                self.watch.stage.show(event)
        else:
            self._advance(event)

    def _on_started(self, event: Started) -> None:
        """Show the box on the image, and the curves."""
        from napari_sr.widgets.train.watch import open_watch

        self.started = event
        self.step = self._done = event.step
        self.close_stage()
        self.watch = open_watch(self.viewer, event, self._layer, on_move=self._on_move)
        self.curves.start(event.history, critic=event.config.adversarial is not None)
        self.changed.emit()
        self._on_move()

    def _on_move(self) -> None:
        if self.watch is not None:  # it says where it is while it is made, too
            self.form.patch_label.setText(self.watch.sentence())

    def _advance(self, event: TrainProgress) -> None:
        if event.note:
            self.form.warn(event.note)
        if event.stage:
            self.form.status.say(event.stage)
        if event.is_message:
            return
        self.step = event.step
        self.form.bar.setValue(round(1000 * event.step / max(1, event.steps)))
        self.curves.add(event)
        if self._running() and not self._stopping() and not self.paused:
            left = "" if event.remaining is None else f"{duration(event.remaining)} left"
            parts = (f"Step {event.step} of {event.steps}", event.loss_text, left)
            self.form.status.say(", ".join(part for part in parts if part))

    def _on_trained(self, event: Trained) -> None:
        """Say what came out; a bad model goes nowhere before the user has said so."""
        self.show_report(event.report)
        self.curves.settle(event.figures)
        if event.verdict is not None:
            self.form.verdict_box.show_verdict(event.verdict, None if event.installed else event.path)
        if event.installed:
            unmeasured = "" if event.verdict is not None else " It was not measured: compare it before you rely on it."
            self.form.status.say(f"{event.name} is in your list of models now.{unmeasured}")
            self.installed.emit(event.name)
        else:
            self.form.status.say(f"{event.name} is trained, but not in your list of models.", ERROR)

    def show_report(self, path: Path) -> None:
        """Offer the report of a finished run, if it was written."""
        self.report = path if path.exists() else None
        self.changed.emit()

    # -- buttons ----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause the run, or let it go on."""
        if not self._running():
            return
        if self.paused:
            self._pause.clear()
            self.form.status.say("Going on …")
        else:
            self._pause.set()
            self.form.status.say("Pausing after this step …")
        self.changed.emit()

    def _on_held(self) -> None:
        """The present step is done: say which one it was."""
        if self.paused and self._running():
            self.step = max(self.step, self._done)
            self.form.status.say(f"Paused after step {self.step}.")

    # -- its end ----------------------------------------------------------------------------------

    def end(self, *, failed: str = "", stopped: bool = False) -> None:
        """Say how the run ended, and take away what was shown of it on the canvas."""
        self.form.bar.setValue(0)
        self.close_stage()
        if not self.step:  # something has to be changed
            self.form.data_section.expand(animate=False)
            self.form.recipe_section.expand(animate=False)
        if failed:
            self.form.status.say(failed, ERROR)
        elif stopped:
            self.form.status.say(
                f"Stopped at step {max(self.step, self._done)}. You can resume it whenever you like."
                if self.step
                else "Stopped before the first step."
            )

    def close_stage(self) -> None:
        """Take the box and its pictures away."""
        self.form.patch_label.setText("")
        if self.watch is not None:
            self.watch.stage.close()
            self.watch = None

    def shut_down(self) -> None:
        """Draw no more: the controls will be gone."""
        self.curves.shut_down()
        with suppress(RuntimeError):  # the window's canvas may be gone already
            self.close_stage()
