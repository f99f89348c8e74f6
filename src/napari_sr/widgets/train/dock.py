"""The dock widget *Train*."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_sr.errors import SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.close_guard import CloseGuard
from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.train.choices import TrainChoices
from napari_sr.widgets.train.state import Choices, resolve

if TYPE_CHECKING:
    import napari

    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.runs.folders import EarlierRun
    from napari_sr.training.runs.undecided import Undecided
    from napari_sr.training.session import Started, Trained, Watching
    from napari_sr.widgets.train.watch import Watch


class Train(TrainChoices):
    """Train a model on the user's own images, and watch it learn.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    #: emitted in the training's thread once it is held, after its present step
    _held = Signal()

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._paused = threading.Event()
        self._started: Started | None = None
        self._report: Path | None = None
        self._step = self._done = 0
        self._watch: Watch | None = None
        super().__init__(napari_viewer)
        self.form.train_button.clicked.connect(self.train)
        self.form.help_button.clicked.connect(self.open_handbook)
        # what it reports of that step comes first
        self._held.connect(lambda: QTimer.singleShot(100, self._on_held))
        self.form.pause_button.clicked.connect(self.pause)
        self.form.stop_button.clicked.connect(self.stop)
        self.form.resume_button.clicked.connect(self.resume)
        self.form.command_button.clicked.connect(self.copy_command)
        self.form.export_button.clicked.connect(self._export)
        self.form.report_button.clicked.connect(self._open_report)
        self.form.verdict_box.kept.connect(self._keep)
        self.form.verdict_box.discarded.connect(self._discard)
        self._guard: CloseGuard | None = None
        window = getattr(getattr(self.viewer, "window", None), "_qt_window", None)
        if window is not None:
            self._guard = CloseGuard(window, busy=self._is_training, agreed=self._agreed, closing=self.shut_down)
        catalogue().changed.connect(self._on_new_model)
        self.refresh()
        self._load()

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        choices = Choices(
            ready=self._ready,
            on_layers=self._on_layers,
            has_images=self.images_chosen(),
            has_lr=self._has_lr(),
            name=self.form.name_edit.text(),
            running=self.running and self._ready,
            stopping=self.stopping(),
            paused=self._paused.is_set(),
            started=self._started is not None,
            reported=self._report is not None,
            earlier=self.form.resume_box.count() > 0,
            undecided=self._is_undecided(),
        )
        self.form.show_state(resolve(choices))

    def _is_undecided(self) -> bool:
        if not self._ready:
            return False
        from napari_sr.training.runs.undecided import Undecided

        return isinstance(self.form.resume_box.currentData(), Undecided)

    # -- a run ------------------------------------------------------------------------------------

    def train(self) -> None:
        """Start a new run."""
        if self._job is not None or not self._ready:
            return
        from napari_sr.training.config import check_name
        from napari_sr.training.runs.folders import runs_folder
        from napari_sr.training.session import iter_training

        name = self.form.name_edit.text().strip()
        try:
            check_name(name)
            if name.casefold() in {n.casefold() for n in self._names}:
                raise SRError(
                    f"You have a model called {name} already. Choose another name, e.g. {self._free_name(name)}."
                )
            hr, lr = self._sources()
            request = self._request(hr, lr)
        except SRError as error:
            self.say(str(error), ERROR)
            return
        self._begin(lambda: iter_training(request, runs_folder() / name, self._watching()))

    def resume(self) -> None:
        """Go on with the chosen run; of a finished one, ask again whether its model is kept."""
        chosen: EarlierRun | Undecided | None = self.form.resume_box.currentData()
        if self._job is not None or chosen is None:
            return
        from napari_sr.training.runs.undecided import Undecided
        from napari_sr.training.session import iter_run

        if isinstance(chosen, Undecided):
            self._ask_again(chosen)
            return
        run = chosen
        self._begin(lambda: iter_run(run.config, run.folder, self._watching(), resume=True, layers=False))

    def _begin(self, make: Any) -> None:
        self._paused.clear()
        self._report = None
        self._started = None
        self._step = self._done = 0
        self.form.warn("")
        self.form.verdict_box.clear()
        self.form.patch_label.setText("")
        self.say("Starting …")
        self.run_length.stop()
        self._layer = self.form.hr_box.layer() if self._on_layers else None
        self.form.data_section.collapse(animate=False)
        self.form.recipe_section.collapse(animate=False)

        def run() -> Generator[Any, None, None]:
            while self.run_length.busy and not self.stopping():  # it ends at its next step
                time.sleep(0.05)
            from napari_sr.training.progress import TrainProgress

            for event in make():
                if isinstance(event, TrainProgress):
                    self._done = event.step  # also of events that are not shown
                yield event

        self.start_job(run, self._show, self._end, keep=self._must_show, patient=True)

    def _watching(self) -> Watching:
        from napari_sr.training.session import Watching
        from napari_sr.widgets.train.stage import SIDE

        return Watching(should_stop=self._should_stop, place=self._place, side=SIDE)

    @staticmethod
    def _must_show(event: Any) -> bool:
        from napari_sr.training.progress import TrainProgress

        return not isinstance(event, TrainProgress) or event.val_psnr is not None or bool(event.note or event.stage)

    def _should_stop(self) -> bool:
        """Asked by the training after every step, in its thread; it is paused as long as this does not return."""
        told = False
        while self._paused.is_set() and not self.stopping():
            if not told:
                told = True
                self._held.emit()
            time.sleep(0.05)
        return self.stopping()

    def _place(self) -> Any:
        from napari_sr.training.preview import Place

        watch = self._watch  # this is not the GUI thread: it may be gone in the next line
        return watch.stage.place() if watch is not None else Place(0, 0, 0)

    def _show(self, event: Any) -> None:
        from napari_sr.training.preview import Patches
        from napari_sr.training.session import Started, Trained

        if isinstance(event, Started):
            self._on_started(event)
        elif isinstance(event, Trained):
            self._on_trained(event)
        elif isinstance(event, Patches):
            if self._watch is not None:
                self._watch.stage.show(event)
        else:
            self._advance(event)

    def _on_started(self, event: Started) -> None:
        """Show the box on the image, and the curves."""
        from napari_sr.widgets.train.watch import open_watch

        self._started = event
        self._close_stage()
        self._watch = open_watch(self.viewer, event, self._layer, on_move=self._on_move)
        self._curves.show()
        self._curves.start(event.history, critic=event.config.adversarial is not None)
        self.refresh()
        self._on_move()

    def _on_move(self) -> None:
        if self._watch is not None:  # it says where it is while it is made, too
            self.form.patch_label.setText(self._watch.sentence())

    def _advance(self, event: TrainProgress) -> None:
        if event.note:
            self.form.warn(event.note)
        if event.stage:
            self.say(event.stage)
        if event.is_message:
            return
        self._step = event.step
        self.form.bar.setValue(round(1000 * event.step / max(1, event.steps)))
        self._curves.add(event)
        if self._job is not None and not self._job.cancelled and not self._paused.is_set():
            left = "" if event.remaining is None else f"{duration(event.remaining)} left"
            parts = (f"Step {event.step} of {event.steps}", event.loss_text, left)
            self.say(", ".join(part for part in parts if part))

    def pause(self) -> None:
        """Pause the run, or let it go on."""
        if self._job is None:
            return
        if self._paused.is_set():
            self._paused.clear()
            self.say("Going on …")
        else:
            self._paused.set()
            self.say("Pausing after this step …")
        self.refresh()

    def _on_held(self) -> None:
        """The present step is done: say which one it was."""
        if self._paused.is_set() and self.running:
            self._step = max(self._step, self._done)
            self.say(f"Paused after step {self._step}.")

    def stop(self) -> None:
        """Stop after the present step; the run can be resumed."""
        if self._job is not None:
            self.cancel()
            self.say("Stopping …")
            self.refresh()

    def _end(self, how: Failed | Stopped | Ended) -> None:
        self.form.bar.setValue(0)
        self._close_stage()
        if not self._step:  # something has to be changed
            self.form.data_section.expand(animate=False)
            self.form.recipe_section.expand(animate=False)
        self.run_length.ask()
        if isinstance(how, Failed):
            self.say(how.message, ERROR)
        elif isinstance(how, Stopped):
            self.say(
                f"Stopped at step {self._step}. You can resume it whenever you like."
                if self._step
                else "Stopped before the first step."
            )
        self._relist()

    def _close_stage(self) -> None:
        if self._watch is not None:
            self._watch.stage.close()
            self._watch = None

    # -- the verdict ------------------------------------------------------------------------------

    def _on_trained(self, event: Trained) -> None:
        """Say what came out; a bad model goes nowhere before the user has said so."""
        self._report = event.report if event.report.exists() else None
        self._curves.settle(event.figures)
        if event.verdict is not None:
            self.form.verdict_box.show_verdict(event.verdict, None if event.installed else event.path)
        if event.installed:
            unmeasured = "" if event.verdict is not None else " It was not measured: compare it before you rely on it."
            self.say(f"{event.name} is in your list of models now.{unmeasured}")
            catalogue().changed.emit(event.name)
        else:
            self.say(f"{event.name} is trained, but not in your list of models.", ERROR)

    def _ask_again(self, run: Undecided) -> None:
        report = run.folder / "report.html"
        self._report = report if report.exists() else None
        self.say(f"{run.path.stem} is trained, but not in your list of models.", ERROR)
        self.form.verdict_box.show_verdict(run.verdict, run.path)
        self.refresh()

    def _keep(self, path: Path) -> None:
        """Add a model to the user's list though its verdict is bad."""

        def copy() -> Generator[str, None, None]:
            from napari_sr.models.store import install
            from napari_sr.training.runs.undecided import answer

            install(path)
            with suppress(OSError):  # it is in the list, so it is not asked for again anyhow
                answer(path.parent)
            yield path.stem

        def copied(name: str) -> None:
            self.form.verdict_box.close_question()
            self.say(f"{name} is in your list of models now.")
            catalogue().changed.emit(name)

        self.start_side_job(copy, copied, self._on_answer)

    def _discard(self, path: Path) -> None:
        """Leave a model out of the user's list, for good."""

        def note() -> Generator[Path, None, None]:
            from napari_sr.training.runs.undecided import answer

            answer(path.parent)
            yield path.parent

        def noted(folder: Path) -> None:
            self.form.verdict_box.close_question()
            self.say(f"{path.stem} is not in your list of models. Its files are still in {folder}.")
            self._relist()

        self.start_side_job(note, noted, self._on_answer)

    def _on_answer(self, how: Failed | Stopped | Ended) -> None:
        if isinstance(how, Failed):
            self.say(how.message, ERROR)
            self.form.verdict_box.enable_answers(True)

    # -- afterwards -------------------------------------------------------------------------------

    def copy_command(self) -> None:
        """Put the shell command that repeats the run on the clipboard."""
        from napari_sr.training.runs.folders import command_line

        if self._started is not None:
            command = command_line(self._started.folder, f"{self._started.config.name}-again")
            clipboard = QApplication.clipboard()
            assert clipboard is not None
            clipboard.setText(command)
            self.say(f"Copied: {command}")

    def _export(self) -> None:
        assert self._started is not None
        suggested = f"{self._started.config.name}.yaml"
        path, _ = QFileDialog.getSaveFileName(self, "Export settings", suggested, "Settings (*.yaml)")
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the settings of the run as a file for ``napari-sr train``."""
        if self._started is None:
            return
        try:
            self._started.config.write(path)
        except OSError as error:
            self.say(f"{path} could not be written ({error.strerror}).", ERROR)
            return
        self.say(f"Settings saved. Repeat the run with: napari-sr train {path} -o FOLDER")

    def _open_report(self) -> None:
        if self._report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report)))

    # -- the end ----------------------------------------------------------------------------------

    def _is_training(self) -> bool:
        job = self._job
        return self._ready and job is not None and job.running and not job.cancelled

    def _agreed(self) -> bool:
        """Ask whether a run may be stopped because the window closes."""
        answer = QMessageBox.question(
            self, "A training is running",
            "Stop the training and close? What was learnt is kept: you can resume it later.",
        )  # fmt: skip
        return bool(answer == QMessageBox.StandardButton.Yes)

    def shut_down(self) -> None:
        """Stop everything; a run can be resumed."""
        self.run_length.abandon()
        self.form.before_after.shut_down()
        if self._curves is not None:
            self._curves.shut_down()
        if self._guard is not None:
            with suppress(RuntimeError):  # the window may be gone already
                self.viewer.window._qt_window.removeEventFilter(self._guard)
            self._guard = None
        super().shut_down()
        with suppress(RuntimeError):  # the window's canvas may be gone already
            self._close_stage()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._on_new_model)
