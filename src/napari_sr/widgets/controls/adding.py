"""Adding a model file to the user's models, for every dock that takes one: what a file leaves open is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr.errors import CodeRefused, SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.controls.questions import ChoiceDialog, ask

if TYPE_CHECKING:
    from napari_sr.models.manage import Entry
    from napari_sr.widgets.base.dock import Dock

#: who has a name that is taken; only the place of one's own can be taken
SHIPPED, YOURS, OPENED = "A model that came with napari-sr", "A model of yours", "A model that you opened"
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".onnx", ".zip")
FILES = f"Models ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All (*)"
#: before a model's own code is let run
CODE = (
    "{file} holds program code. It runs whenever the model is used, and can do whatever you can do on this computer. "
    "Let it run only if you trust where it came from."
)
Work = Callable[[], Generator[Any, None, None]]


class Adding:
    """Copies model files, also of other programs, into the user's folder.

    Parameters
    ----------
    dock
        What questions stand above; the last is its ``dialog``.
    names
        Returns the names that there are, and who has them: ``SHIPPED``, ``YOURS``, ``OPENED``.
    start
        Runs a job: a sentence to say meanwhile, the work, and what shows its only event, also after a cancellation:
        the model is there then.
    said
        Is told of each new model by its name and a sentence.
    """

    def __init__(
        self, dock: Dock, *, names: Callable[[], Mapping[str, str]],
        start: Callable[[str, Work, Callable[[Any], None]], None], said: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self.dock, self.names, self.start, self.said = dock, names, start, said

    def add(self, path: Path) -> None:
        """Add a model file; asks what to do if its name is taken."""
        name, names = plain_name(path), self.names()
        if name not in names:
            self._add(path, name=name)
            return
        free = free_name(name, names)
        answers: dict[str, Callable[[], None]] = {f"Add as {free}": lambda: self._add(path, name=free)}
        if names[name] == YOURS:
            answers["Replace"] = lambda: self._add(path, name=name, overwrite=True)
        text = f"{names[name]} has the name {name} already."
        self.dock.dialog = ask(self.dock, "The name is taken", text, answers)

    def _add(self, path: Path, **how: Any) -> None:
        """Add a file; what it leaves open is asked, and whether its code may run, and then it is tried again."""

        def work() -> Generator[Entry | SRError, None, None]:
            from napari_sr.models.formats import OpenQuestion
            from napari_sr.models.manage import add

            try:
                yield add(path, **how)
            except (OpenQuestion, CodeRefused) as error:  # not the end: the user answers
                yield error

        def show(found: Entry | SRError) -> None:
            if isinstance(found, SRError):
                self._ask_about(path, found, how)
                return
            detected = "" if found.card is None else str(found.card.source.get("detected", ""))
            self.said(found.name, " ".join([f"{found.name} is in your list of models now.", detected]).strip())
            catalogue().changed.emit(found.name)

        self.start(f"Adding {path.name} …", work, show)

    def _ask_about(self, path: Path, open_point: SRError, how: Mapping[str, Any]) -> None:
        """Ask what a file of another program leaves open."""
        from napari_sr.models.formats import OpenQuestion

        if not isinstance(open_point, OpenQuestion):
            answer = {"Let it run": lambda: self._add(path, **{**how, "allow_code": True})}
            text = CODE.format(file=path.name)
            if isinstance(open_point, CodeRefused) and open_point.others:
                text += f"\n\nWithout its code: {open_point.others}"
            self.dock.dialog = ask(self.dock, "A model with program code", text, answer)
            return
        question = open_point.question

        def answered(choice: str) -> None:
            self._add(path, **{**how, "answers": {**how.get("answers", {}), question.key: choice}})

        self.dock.dialog = dialog = ChoiceDialog(self.dock, path.name, question.text, question.choices)
        dialog.chosen.connect(answered)
        dialog.open()


def plain_name(path: Path) -> str:
    """Return a name for the model in a file, in the letters that names may have."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", path.stem).strip("-._+") or "model"


def free_name(wanted: str, names: Collection[str]) -> str:
    """Return ``wanted``, with a number if there is a model of that name."""
    number, name = 1, wanted
    while name in names:
        number += 1
        name = f"{wanted}-{number}"
    return name
