"""The dock widget *Train*."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_sr.errors import SRError
from napari_sr.paths import reason
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.train.form import TrainForm
from napari_sr.widgets.train.images import ImageChoice
from napari_sr.widgets.train.length import RunLength
from napari_sr.widgets.train.lists import Found, find
from napari_sr.widgets.train.recipe import RecipeChoice
from napari_sr.widgets.train.run import TrainingRun
from napari_sr.widgets.train.state import Choices, resolve
from napari_sr.widgets.train.verdict_answers import Answers

if TYPE_CHECKING:
    import napari

    from napari_sr.training import TrainConfig
    from napari_sr.training.runs.folders import EarlierRun
    from napari_sr.training.runs.undecided import Undecided


class Train(Dock):
    """Train a model on the user's own images, and watch it learn.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, title="Train", help_page="docs/training.md")
        self.form = form = TrainForm(self.viewer)
        self.lay_out(form)
        self.ready = False
        self.images = ImageChoice(form)
        self.recipe = RecipeChoice(form, self.images)
        self.run = TrainingRun(form, self.viewer, stopping=self.stopping, running=lambda: self.running)
        self.run_length = RunLength(
            form.estimate, config=self.config_now, start_job=self.start_side_job, on_measured=self.recipe.fit_length
        )
        self.answers = Answers(form, start_job=self.start_side_job, relist=self.relist)
        self._connect()
        catalogue().changed.connect(self._on_new_model)
        self.refresh()
        self._load()

    def _connect(self) -> None:
        form = self.form
        self.images.changed.connect(self._on_images)
        self.recipe.changed.connect(self._on_choice)
        self.run.changed.connect(self.refresh)
        self.run.installed.connect(catalogue().changed)
        form.name_edit.textChanged.connect(self.refresh)
        form.resume_box.currentIndexChanged.connect(self.refresh)
        buttons = {
            form.train_button: self.train, form.pause_button: self.run.pause, form.stop_button: self.stop,
            form.resume_button: self.resume, form.command_button: self.copy_command, form.export_button: self._export,
            form.report_button: self._open_report, form.help_button: self.open_handbook,
        }  # fmt: skip
        for button, act in buttons.items():
            button.clicked.connect(lambda checked=False, act=act: act())

    # -- lists ------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Find models, recipes and stopped runs in the background: importing Lightning takes seconds."""

        def look() -> Generator[Found, None, None]:
            import matplotlib.backends.backend_agg  # noqa: F401 - imported here, where nobody waits for it

            import napari_sr.training.session
            import napari_sr.training.timing
            import napari_sr.widgets.train.advanced  # noqa: F401

            yield find()

        def found(what: Found) -> None:
            self.recipe.fill()
            self.ready = True
            self._show(what)
            self.images.look()

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.say(how.message, ERROR)

        self.start_job(look, found, end, unasked=True)

    def relist(self) -> None:
        """Look again which models and stopped runs there are."""

        def look() -> Generator[Found, None, None]:
            yield find()

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.say(f"Models and earlier runs could not be listed. {how.message}", ERROR)

        self.start_side_job(look, self._show, end)

    def _show(self, found: Found) -> None:
        self.recipe.take(found)
        box = self.form.resume_box
        box.clear()
        for run in found.runs:
            stopped = f"stopped at step {run.step} of {run.config.steps}"
            box.addItem(f"{run.config.name}, {'damaged: cannot go on' if run.problem else stopped}", run)
        for finished in found.undecided:
            box.addItem(f"{finished.path.stem}, finished: keep or discard?", finished)
        self.refresh()

    def _on_new_model(self, name: str) -> None:
        if not self.running:
            self.relist()

    # -- what the controls show -------------------------------------------------------------------

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        choices = Choices(
            ready=self.ready,
            on_layers=self.images.on_layers,
            has_images=self.images.chosen(),
            has_lr=self.images.has_lr(),
            name=self.form.name_edit.text().strip(),
            running=self.running and self.ready,
            stopping=self.stopping(),
            paused=self.run.paused,
            started=self.run.started is not None,
            reported=self.run.report is not None,
            earlier=self.form.resume_box.count() > 0,
            undecided=self.ready and self._undecided() is not None,
        )
        self.form.show_state(resolve(choices))

    def _undecided(self) -> Undecided | None:
        from napari_sr.training.runs.undecided import Undecided

        chosen = self.form.resume_box.currentData()
        return chosen if isinstance(chosen, Undecided) else None

    def _on_images(self) -> None:
        if self.ready:
            self.images.show_patch()
            self.recipe.fit_patch()
            self._on_choice()

    def _on_choice(self) -> None:
        self.refresh()
        self.run_length.ask()

    def say(self, text: str, tone: str = "") -> None:
        """Say what came out, or how far it is."""
        self.form.status.say(text, tone)

    def config_now(self) -> TrainConfig | None:
        """Return the settings as they are, with any image; None while nothing may be measured."""
        if not self.ready or self.running:
            return None
        from napari_sr.training.request import make_config

        return make_config(self.recipe.request("image", None), "image", "")

    # -- a run ------------------------------------------------------------------------------------

    def train(self) -> None:
        """Start a new run."""
        if self.running or not self.ready:
            return
        from napari_sr.training.config import check_name
        from napari_sr.training.runs.folders import runs_folder
        from napari_sr.training.session import iter_training

        found = self.recipe.found
        name = self.form.name_edit.text().strip()
        try:
            check_name(name)
            if name.casefold() in {n.casefold() for n in found.names}:
                raise SRError(
                    f"You have a model called {name} already. Choose another name, e.g. {found.free_name(name)}."
                )
            request = self.recipe.request(*self.images.sources())
        except SRError as error:
            self.say(str(error), ERROR)
            return
        self._begin(iter_training(request, runs_folder() / name, self.run.watching()), self.images.layer)

    def resume(self) -> None:
        """Go on with the chosen run; of a finished one, ask again whether its model is kept."""
        chosen: EarlierRun | Undecided | None = self.form.resume_box.currentData()
        if self.running or chosen is None:
            return
        from napari_sr.training.runs.undecided import Undecided
        from napari_sr.training.session import iter_run

        if isinstance(chosen, Undecided):
            self.run.show_report(chosen.folder / "report.html")
            self.answers.ask_again(chosen)
        elif chosen.problem:
            self.say(chosen.problem, ERROR)
        else:
            events = iter_run(chosen.config, chosen.folder, self.run.watching(), resume=True, layers=False)
            self._begin(events, None)

    def _begin(self, events: Generator[Any, None, None], layer: Any) -> None:
        self.run.begin(layer)
        self.run_length.stop()

        def run() -> Generator[Any, None, None]:
            while self.run_length.busy and not self.stopping():  # it ends at its next step
                time.sleep(0.05)
            yield from self.run.counted(events)

        self.start_job(run, self.run.show, self._end, keep=self.run.must_show, patient=True)

    def stop(self) -> None:
        """Stop after the present step; the run can be resumed."""
        if self.running:
            self.cancel()
            self.say("Stopping …")
            self.refresh()

    def _end(self, how: Failed | Stopped | Ended) -> None:
        self.run.end(failed=how.message if isinstance(how, Failed) else "", stopped=isinstance(how, Stopped))
        self.run_length.ask()
        self.relist()

    # -- afterwards -------------------------------------------------------------------------------

    def copy_command(self) -> None:
        """Put the shell command that repeats the run on the clipboard."""
        from napari_sr.training.runs.folders import command_line

        started = self.run.started
        if started is not None:
            command = command_line(started.folder, f"{started.config.name}-again")
            clipboard = QApplication.clipboard()
            assert clipboard is not None
            clipboard.setText(command)
            self.say(f"Copied: {command}")

    def _export(self) -> None:
        assert self.run.started is not None
        suggested = f"{self.run.started.config.name}.yaml"
        path, _ = QFileDialog.getSaveFileName(self, "Export settings", suggested, "Settings (*.yaml)")
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the settings of the run as a file for ``napari-sr train``."""
        if self.run.started is None:
            return
        try:
            self.run.started.config.write(path)
        except OSError as error:
            self.say(f"{path} could not be written ({reason(error)}).", ERROR)
            return
        self.say(f"Settings saved. Repeat the run with: napari-sr train {path} -o FOLDER")

    def _open_report(self) -> None:
        if self.run.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.run.report)))

    # -- the end ----------------------------------------------------------------------------------

    def may_close(self) -> bool:
        """Ask whether a run may be stopped because the window closes."""
        if not (self.ready and self.running) or self.stopping():
            return True
        answer = QMessageBox.question(
            self, "A training is running",
            "Stop the training and close? What was learnt is kept: you can resume it later.",
        )  # fmt: skip
        return bool(answer == QMessageBox.StandardButton.Yes)

    def on_closing(self) -> None:
        """The window closes: what was learnt until now is kept."""
        self.shut_down()

    def shut_down(self) -> None:
        """Stop everything; a run can be resumed."""
        self.run_length.abandon()
        self.form.before_after.shut_down()
        super().shut_down()
        self.run.shut_down()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._on_new_model)
