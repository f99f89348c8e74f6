"""The dock widget *Models*: it acts on what is pressed, and lets the form show what follows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.models.export.formats import FORMATS
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR, GOOD
from napari_sr.widgets.models.dialogs import ChoiceDialog, EditDialog, RenameDialog, ask
from napari_sr.widgets.models.form import ModelsForm
from napari_sr.widgets.models.state import Choices, checked, free_name, is_told, resolve, taken

if TYPE_CHECKING:
    import napari

    from napari_sr.models.export import Exported, Step
    from napari_sr.models.manage import Checked, Entry

NAME = "Models"
FILES = "Models (*.safetensors *.pth *.pt *.ckpt *.onnx *.zip);;All (*)"
#: before a model's own code is let run
CODE = (
    "{file} holds program code. It runs whenever the model is used, and can do whatever you can do on this computer. "
    "Let it run only if you trust where it came from."
)


class Models(Dock):
    """Keep models in order, and give them to other programs.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, title=NAME, help_page="docs/models.md")
        self.form = ModelsForm()
        self.entries: tuple[Entry, ...] = ()
        self.folder, self.loading = "", True
        self._outcome = "done."
        self.lay_out(self.form, self.form.footer)
        self.setAcceptDrops(True)
        form = self.form
        form.selected.connect(self._on_selected)
        form.export_part.changed.connect(self.refresh)
        form.card_pressed.connect(self.show_card)
        form.add_pressed.connect(self._ask_for_files)
        form.check_pressed.connect(self.check)
        form.rename_pressed.connect(self._ask_for_name)
        form.edit_pressed.connect(self._ask_for_words)
        form.remove_pressed.connect(self._ask_to_remove)
        form.export_pressed.connect(self._ask_where_to)
        form.cancel_pressed.connect(self.cancel)
        form.help_pressed.connect(self.open_handbook)
        form.folder_pressed.connect(self._open_folder)
        form.move_pressed.connect(self._ask_for_folder)
        catalogue().changed.connect(self.load)
        form.show_progress(0, 1)
        self.refresh()
        self.load()

    # -- what is said and shown -------------------------------------------------------------------

    def say(self, text: str, tone: str = "") -> None:
        """Say what came out, or how far it is."""
        self.form.status.say(text, tone)
        self.form.status.setToolTip("")

    def outcome(self) -> str:
        """Return what is told of a job to those who look elsewhere."""
        return self._outcome

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        part = self.form.export_part
        choices = Choices(
            entries=self.entries, selected=self.form.entry(), folder=self.folder, format=part.format(),
            fixed=part.fixed(), running=self.running, stopping=self.stopping(), loading=self.loading,
        )  # fmt: skip
        self.form.show_state(resolve(choices))

    def _on_selected(self) -> None:
        entry = self.form.entry()
        if is_told(entry):
            from napari_sr.networks import NETWORKS

            assert entry is not None
            assert entry.card is not None
            self.form.export_part.set_conditions(NETWORKS[entry.card.network].conditions)
        else:
            self.form.export_part.set_conditions(())
        self.refresh()

    def load(self, name: str = "") -> None:
        """List the models in the background, and choose ``name`` if there is one: importing torch takes seconds."""

        def look() -> Generator[tuple[tuple[Entry, ...], str], None, None]:
            from napari_sr.models.manage import entries
            from napari_sr.models.store import user_folder

            yield tuple(entries()), str(user_folder())

        def found(seen: tuple[tuple[Entry, ...], str]) -> None:
            self.entries, self.folder = seen
            self.loading = False
            self.form.set_entries(self.entries, name)

        self.start_side_job(look, found)

    # -- jobs -------------------------------------------------------------------------------------

    def _start(
        self, meanwhile: str, work: Callable[[], Generator[Any, None, None]], show: Callable[[Any], None]
    ) -> None:
        """Run one job, and say how it ended if that was not well."""

        def end(how: Failed | Stopped | Ended) -> None:
            self.form.show_progress(0, 1)
            if isinstance(how, Failed):
                self.say(how.message, ERROR)
            elif isinstance(how, Stopped):
                self.say("Cancelled. Nothing was left behind.")

        if self.running:
            return
        self.say(meanwhile)
        self.form.show_progress(0, 0)
        self.start_job(work, show, end)

    def _change(self, meanwhile: str, act: Callable[[], str], said: Callable[[str], str]) -> None:
        """Do something that changes the list; ``act`` returns the name to choose afterwards."""

        def work() -> Generator[str, None, None]:
            yield act()

        def show(name: str) -> None:
            self._outcome = said(name)
            self.say(self._outcome, GOOD)
            catalogue().changed.emit(name)

        self._start(meanwhile, work, show)

    def cancel(self) -> None:
        """Stop at the next step."""
        super().cancel()
        if self.running:
            self.say("Stopping …")
            self.refresh()

    # -- adding -----------------------------------------------------------------------------------

    def _ask_for_files(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Add a model file", "", FILES)
        if path:
            self.add(Path(path))

    def add(self, path: Path) -> None:
        """Copy a model file into the user's folder; asks what to do if its name is taken."""
        other = taken(path, self.entries)
        if other is None:
            self._add(path)
            return
        free = free_name(path.stem, self.entries)
        answers: dict[str, Callable[[], None]] = {f"Add as {free}": lambda: self._add(path, name=free)}
        if not other.shipped:
            answers["Replace"] = lambda: self._add(path, overwrite=True)
        whose = "A model that came with napari-sr has" if other.shipped else "A model of yours has"
        self.dialog = ask(self, "The name is taken", f"{whose} the name {path.stem} already.", answers)

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
                self.say("")
                self._ask_about(path, found, how)
                return
            detected = "" if found.card is None else str(found.card.source.get("detected", ""))
            self._outcome = " ".join([f"{found.name} is in your list of models now.", detected]).strip()
            self.say(self._outcome, GOOD)
            catalogue().changed.emit(found.name)

        self._start(f"Adding {path.name} …", work, show)

    def _ask_about(self, path: Path, open_point: SRError, how: Mapping[str, Any]) -> None:
        """Ask what a file of another program leaves open."""
        from napari_sr.models.formats import OpenQuestion

        if not isinstance(open_point, OpenQuestion):
            answer = {"Let it run": lambda: self._add(path, **{**how, "allow_code": True})}
            self.dialog = ask(self, "A model with program code", CODE.format(file=path.name), answer)
            return
        question = open_point.question

        def answered(choice: str) -> None:
            self._add(path, **{**how, "answers": {**how.get("answers", {}), question.key: choice}})

        self.dialog = ChoiceDialog(self, path.name, question.text, question.choices)
        self.dialog.chosen.connect(answered)
        self.dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take files."""
        if event is not None and dropped_file(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Add a file that was dropped here."""
        if event is not None and not self.running and (path := dropped_file(event)) is not None:
            event.acceptProposedAction()
            self.add(path)

    # -- one model --------------------------------------------------------------------------------

    def show_card(self) -> None:
        """Show the chosen model's card."""
        from napari_sr.widgets.controls.card_view import CardDialog

        entry = self.form.entry()
        if entry is not None and entry.card is not None:
            self.dialog = CardDialog(entry.card, self)
            self.dialog.show()

    def _ask_for_name(self) -> None:
        from napari_sr.models import manage

        entry = self.form.entry()
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

        self.dialog = RenameDialog(self, entry.name, objection)
        self.dialog.named.connect(rename)
        self.dialog.open()

    def _ask_for_words(self) -> None:
        from napari_sr.models import manage

        entry = self.form.entry()
        if entry is None or entry.card is None:
            return

        def edit(values: dict[str, Any]) -> None:
            said = f"The card of {entry.name} is changed."
            self._change(f"Writing {entry.name} …", lambda: manage.edit(entry.name, **values).name, lambda name: said)

        self.dialog = EditDialog(self, entry.card, manage.ALL_KINDS)
        self.dialog.edited.connect(edit)
        self.dialog.open()

    def _ask_to_remove(self) -> None:
        from napari_sr.models import manage

        entry = self.form.entry()
        if entry is None:
            return

        def act() -> str:
            manage.remove(entry.name)
            return ""

        def remove() -> None:
            self._change(f"Deleting {entry.name} …", act, lambda name: f"{entry.name} is deleted.")

        text = f"Delete {entry.name} ({manage.size_in_words(entry.size)})? It cannot be brought back."
        self.dialog = ask(self, "Delete a model", text, {"Delete": remove})

    # -- all models -------------------------------------------------------------------------------

    def check(self) -> None:
        """Read all models, and say which cannot be used."""
        problems: list[str] = []

        def work() -> Generator[Checked, None, None]:
            from napari_sr.models.manage import iter_check

            yield from iter_check()

        def show(found: Checked) -> None:
            problems.extend([found.problem] if found.problem else [])
            self.form.show_progress(found.done, found.total)
            self.say(f"Checking: {found.done} of {found.total}")
            if found.done == found.total:
                self._outcome = checked(problems, found.total)
                self.say(self._outcome, ERROR if problems else GOOD)

        self._start("Checking …", work, show)

    def _open_folder(self) -> None:
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _ask_for_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where shall your models be?", self.folder)
        if chosen:
            self.move_to(Path(chosen))

    def move_to(self, folder: Path) -> None:
        """Move all of the user's models into another folder."""

        def act() -> str:
            from napari_sr.models.manage import move_folder

            move_folder(folder)
            return ""

        self._change("Moving …", act, lambda name: f"Your models are in {folder} now.")

    # -- other programs ---------------------------------------------------------------------------

    def _ask_where_to(self) -> None:
        entry, kind = self.form.entry(), self.form.export_part.format()
        if entry is None:
            return
        chosen = FORMATS[kind]
        filters = f"{chosen.title} (*{chosen.suffix})"
        path, _ = QFileDialog.getSaveFileName(self, "Export a model", f"{entry.name}{chosen.suffix}", filters)
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the chosen model for other programs; a file that is there was asked about, and is replaced."""
        entry, part = self.form.entry(), self.form.export_part
        if entry is None:
            return
        source, kind, told, authors = entry.path, part.format(), part.told(), part.authors()

        def work() -> Generator[Step | Exported, None, None]:
            from napari_sr.models.export import ExportRequest, iter_export
            from napari_sr.models.model import load

            yield from iter_export(
                ExportRequest(load(source), path, kind, conditions=told, authors=authors, overwrite=True)
            )

        def show(event: Step | Exported) -> None:
            from napari_sr.models.export import Step

            if isinstance(event, Step):
                self.say(f"{event.text} …")
                return
            said = f"{event.path.name} is written, and was tested: other programs get the same from it. It says how"
            self._outcome = " ".join([f"{said} it is used.", *event.notes])
            self.say(self._outcome, GOOD)
            self.form.status.setToolTip("\n".join([str(event.path), *event.how_to]))

        self._start(f"Exporting {entry.name} …", work, show)

    def shut_down(self) -> None:
        """Stop listening to the other widgets too."""
        super().shut_down()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self.load)


def dropped_file(event: QDropEvent) -> Path | None:
    """Return the file that is dropped; None if it is something else."""
    data = event.mimeData()
    files = [] if data is None else [Path(u.toLocalFile()) for u in data.urls() if u.isLocalFile()]
    files = [f for f in files if f.is_file()]
    return files[0] if files else None
