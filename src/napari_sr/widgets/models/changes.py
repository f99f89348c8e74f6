"""What *Models* changes: adding, renaming, editing, deleting, moving the folder; asked about where it matters."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.messages import GOOD
from napari_sr.widgets.controls.adding import FILES, SHIPPED, YOURS, Adding, Work
from napari_sr.widgets.controls.questions import ask
from napari_sr.widgets.models.dialogs import EditDialog, RenameDialog

if TYPE_CHECKING:
    from napari_sr.widgets.models.dock import Models


class Changes:
    """Changes what is in the list; every list of models hears of it.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: Models) -> None:
        self.dock = dock

        def start(meanwhile: str, work: Work, show: Callable[[Any], None]) -> None:
            def shown(found: Any) -> None:
                dock.say("")
                show(found)

            dock.start(meanwhile, work, shown, patient=True, to_its_end=True)

        def said(name: str, sentence: str) -> None:
            dock.done = sentence
            dock.say(sentence, GOOD)

        def names() -> dict[str, str]:  # the user's own come last, and are used
            return {entry.name: SHIPPED if entry.shipped else YOURS for entry in dock.entries}

        self.adding = Adding(dock, names=names, start=start, said=said)

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
        """Copy a model file into the user's folder; asks what it leaves open."""
        self.adding.add(path)

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
