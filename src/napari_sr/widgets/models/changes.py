"""What *Models* changes: adding, renaming, editing, deleting, moving the folder; asked about where it matters."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import CodeRefused, SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.messages import GOOD
from napari_sr.widgets.models.dialogs import ChoiceDialog, EditDialog, RenameDialog, ask
from napari_sr.widgets.models.state import free_name, plain_name, taken

if TYPE_CHECKING:
    from napari_sr.models.manage import Entry
    from napari_sr.widgets.models.dock import Models

FILES = "Models (*.safetensors *.pth *.pt *.ckpt *.onnx *.zip);;All (*)"
#: before a model's own code is let run
CODE = (
    "{file} holds program code. It runs whenever the model is used, and can do whatever you can do on this computer. "
    "Let it run only if you trust where it came from."
)


class Changes:
    """Changes what is in the list; every list of models hears of it.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: Models) -> None:
        self.dock = dock

    def _change(self, meanwhile: str, act: Callable[[], str], said: Callable[[str], str]) -> None:
        """Do something that changes the list; ``act`` returns the name to choose afterwards."""

        def work() -> Generator[str, None, None]:
            yield act()

        def show(name: str) -> None:
            self.dock.done = said(name)
            self.dock.say(self.dock.done, GOOD)
            catalogue().changed.emit(name)

        self.dock.start(meanwhile, work, show, patient=True, to_its_end=True)

    def ask_for_file(self) -> None:
        """Let a person choose a file to add."""
        path, _ = QFileDialog.getOpenFileName(self.dock, "Add a model file", "", FILES)
        if path:
            self.add(Path(path))

    def add(self, path: Path) -> None:
        """Copy a model file into the user's folder; asks what to do if its name is taken."""
        name = plain_name(path)
        other = taken(name, self.dock.entries)
        if other is None:
            self._add(path, name=name)
            return
        free = free_name(name, self.dock.entries)
        answers: dict[str, Callable[[], None]] = {f"Add as {free}": lambda: self._add(path, name=free)}
        if not other.shipped:
            answers["Replace"] = lambda: self._add(path, name=name, overwrite=True)
        whose = "A model that came with napari-sr has" if other.shipped else "A model of yours has"
        self.dock.dialog = ask(self.dock, "The name is taken", f"{whose} the name {name} already.", answers)

    def _add(self, path: Path, **how: Any) -> None:
        """Add a file; what it leaves open is asked, and whether its code may run, and then it is tried again."""

        def work() -> Generator[Entry | SRError, None, None]:
            from napari_sr.errors import CodeRefused
            from napari_sr.models.formats import OpenQuestion
            from napari_sr.models.manage import add

            try:
                yield add(path, **how)
            except (OpenQuestion, CodeRefused) as error:  # not the end: the user answers
                yield error

        def show(found: Entry | SRError) -> None:
            if isinstance(found, SRError):
                self.dock.say("")
                self._ask_about(path, found, how)
                return
            detected = "" if found.card is None else str(found.card.source.get("detected", ""))
            self.dock.done = " ".join([f"{found.name} is in your list of models now.", detected]).strip()
            self.dock.say(self.dock.done, GOOD)
            catalogue().changed.emit(found.name)

        self.dock.start(f"Adding {path.name} …", work, show, patient=True, to_its_end=True)

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

        self.dock.dialog = ChoiceDialog(self.dock, path.name, question.text, question.choices)
        self.dock.dialog.chosen.connect(answered)
        self.dock.dialog.open()

    def ask_for_name(self) -> None:
        """Ask for another name of the chosen model."""
        from napari_sr.models import manage

        entry = self.dock.form.entry()
        if entry is None:
            return

        def objection(name: str) -> str:
            try:
                manage.free_name(name)
            except SRError as error:
                return str(error)
            return ""

        def rename(new: str) -> None:
            said = f"{entry.name} is called {new} now."
            self._change(f"Renaming {entry.name} …", lambda: manage.rename(entry.name, new).name, lambda name: said)

        self.dock.dialog = RenameDialog(self.dock, entry.name, objection)
        self.dock.dialog.named.connect(rename)
        self.dock.dialog.open()

    def ask_for_words(self) -> None:
        """Ask for other words on the chosen model's card."""
        from napari_sr.models import manage

        entry = self.dock.form.entry()
        if entry is None or entry.card is None:
            return

        def edit(values: dict[str, Any]) -> None:
            said = f"The card of {entry.name} is changed."
            self._change(f"Writing {entry.name} …", lambda: manage.edit(entry.name, **values).name, lambda name: said)

        self.dock.dialog = EditDialog(self.dock, entry.card, manage.ALL_KINDS)
        self.dock.dialog.edited.connect(edit)
        self.dock.dialog.open()

    def ask_to_remove(self) -> None:
        """Ask whether the chosen model is to be deleted."""
        from napari_sr.models import manage

        entry = self.dock.form.entry()
        if entry is None:
            return

        def act() -> str:
            manage.remove(entry.name)
            return ""

        def remove() -> None:
            self._change(f"Deleting {entry.name} …", act, lambda name: f"{entry.name} is deleted.")

        text = f"Delete {entry.name} ({manage.size_in_words(entry.size)})? It cannot be brought back."
        self.dock.dialog = ask(self.dock, "Delete a model", text, {"Delete": remove})

    def ask_for_folder(self) -> None:
        """Let a person choose where the models are to be."""
        chosen = QFileDialog.getExistingDirectory(self.dock, "Where shall your models be?", self.dock.folder)
        if chosen:
            self.move_to(Path(chosen))

    def move_to(self, folder: Path) -> None:
        """Move all of the user's models into another folder."""

        def act() -> str:
            from napari_sr.models.move import move_folder

            move_folder(folder)
            return ""

        self._change("Moving …", act, lambda name: f"Your models are in {folder} now.")
