"""What becomes of a model with a bad verdict: the user keeps or discards it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.train.form import TrainForm

if TYPE_CHECKING:
    from napari_sr.training.runs.undecided import Undecided


class Answers(QObject):
    """Asks whether a bad model is kept, and does what is answered.

    Parameters
    ----------
    form
        With the question.
    start_job
        Runs something small in the background.
    relist
        Looks again which runs there are.
    """

    def __init__(self, form: TrainForm, *, start_job: Callable[..., Any], relist: Callable[[], None]) -> None:
        super().__init__(form)
        self.form, self._start, self._relist = form, start_job, relist
        form.verdict_box.kept.connect(self._keep)
        form.verdict_box.discarded.connect(self._discard)

    def ask_again(self, run: Undecided) -> None:
        """Show the verdict on a finished run, and its question."""
        self.form.status.say(f"{run.path.stem} is trained, but not in your list of models.", ERROR)
        self.form.verdict_box.show_verdict(run.verdict, run.path)

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
            self.form.status.say(f"{name} is in your list of models now.")
            catalogue().changed.emit(name)

        self._start(copy, copied, self._answered)

    def _discard(self, path: Path) -> None:
        """Leave a model out of the user's list, for good."""

        def note() -> Generator[Path, None, None]:
            from napari_sr.training.runs.undecided import answer

            answer(path.parent)
            yield path.parent

        def noted(folder: Path) -> None:
            self.form.verdict_box.close_question()
            self.form.status.say(f"{path.stem} is not in your list of models. Its files are still in {folder}.")
            self._relist()

        self._start(note, noted, self._answered)

    def _answered(self, how: Failed | Stopped | Ended) -> None:
        if isinstance(how, Failed):
            self.form.status.say(how.message, ERROR)
            self.form.verdict_box.enable_answers(True)
