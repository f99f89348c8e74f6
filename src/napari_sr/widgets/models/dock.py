"""The dock widget *Models*: it acts on what is pressed, and lets the form show what follows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog

from napari_sr.models.export.formats import FORMATS
from napari_sr.paths import reason, why_not_listed
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.drops import TakesFiles
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR, GOOD
from napari_sr.widgets.models.changes import Changes
from napari_sr.widgets.models.form import ModelsForm
from napari_sr.widgets.models.state import Choices, checked, is_told, resolve

if TYPE_CHECKING:
    import napari

    from napari_sr.models.export import Exported, Step
    from napari_sr.models.manage import Checked, Entry

NAME = "Models"


class Models(TakesFiles):
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
        self.folder, self.loading, self.to_its_end = "", True, False
        self.done = "done."
        self.changes = Changes(self)
        self.lay_out(self.form, self.form.footer)
        self.setAcceptDrops(True)
        form = self.form
        form.selected.connect(self._on_selected)
        form.export_part.changed.connect(self.refresh)
        form.card_pressed.connect(self.show_card)
        form.add_pressed.connect(self.changes.ask_for_file)
        form.check_pressed.connect(self.check)
        form.rename_pressed.connect(self.changes.ask_for_name)
        form.edit_pressed.connect(self.changes.ask_for_words)
        form.remove_pressed.connect(self.changes.ask_to_remove)
        form.export_pressed.connect(self._ask_where_to)
        form.cancel_pressed.connect(self.cancel)
        form.help_pressed.connect(self.open_handbook)
        form.folder_pressed.connect(self._open_folder)
        form.move_pressed.connect(self.changes.ask_for_folder)
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
        return self.done

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        part = self.form.export_part
        choices = Choices(
            entries=self.entries, selected=self.form.entry(), folder=self.folder, format=part.format(),
            fixed=part.fixed(), running=self.running, stopping=self.stopping(), loading=self.loading,
            to_its_end=self.to_its_end,
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

        def look() -> Generator[tuple[tuple[Entry, ...], str, str], None, None]:
            from napari_sr.models.manage import entries
            from napari_sr.models.store import user_folder

            yield tuple(entries()), str(user_folder()), why_not_listed(user_folder())

        def found(seen: tuple[tuple[Entry, ...], str, str]) -> None:
            self.entries, self.folder, why = seen
            self.loading = False
            self.form.set_entries(self.entries, name)
            if why:
                self.say(f"What is in {self.folder} cannot be seen: {why}.", ERROR)

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.say(f"The models could not be listed. {how.message}", ERROR)

        self.start_side_job(look, found, end)

    # -- jobs -------------------------------------------------------------------------------------

    def start(
        self, meanwhile: str, work: Callable[[], Generator[Any, None, None]], show: Callable[[Any], None],
        *, patient: bool = False, to_its_end: bool = False,
    ) -> None:  # fmt: skip
        """Run one job, and say how it ended if that was not well; a ``patient`` one says itself when it was cancelled.

        What was changed is shown, also where the window was closed meanwhile: else it would be said that nothing was.
        One that goes ``to_its_end`` cannot be cancelled.
        """

        def end(how: Failed | Stopped | Ended) -> None:
            self.form.show_progress(0, 1)
            if isinstance(how, Failed):
                self.say(how.message, ERROR)
                self.load(getattr(self.form.entry(), "name", ""))  # what is not there any more is listed no more
            elif isinstance(how, Stopped):
                self.say("Cancelled. Nothing was left behind.")

        if self.running:
            return
        self.to_its_end = to_its_end
        self.say(meanwhile)
        self.form.show_progress(0, 0)
        self.start_job(work, show, end, patient=patient)

    def cancel(self) -> None:
        """Stop at the next step."""
        super().cancel()
        if self.running:
            self.say("Stopping …")
            self.refresh()

    # -- one model --------------------------------------------------------------------------------

    def show_card(self) -> None:
        """Show the chosen model's card."""
        from napari_sr.widgets.controls.card_view import CardDialog

        entry = self.form.entry()
        if entry is not None and entry.card is not None:
            self.dialog = CardDialog(entry.card, self)
            self.dialog.show()

    def wants(self, file: Path) -> bool:
        """Take any file: what is wrong with it is said."""
        return True

    def take(self, file: Path) -> None:
        """Add a file that was dropped here."""
        self.changes.add(file)

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
                self.done = checked(problems, found.total)
                self.say(self.done, ERROR if problems else GOOD)

        self.start("Checking …", work, show)

    def _open_folder(self) -> None:
        folder = Path(self.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.say(f"{folder} cannot be made: {reason(error)}.", ERROR)
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

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
            from napari_sr.errors import Cancelled
            from napari_sr.models.export import Exported as Done
            from napari_sr.models.export import ExportRequest, iter_export
            from napari_sr.models.model import load

            request = ExportRequest(load(source), path, kind, conditions=told, authors=authors, overwrite=True)
            for event in iter_export(request):
                if self.stopping() and not isinstance(event, Done):
                    raise Cancelled("Stopped before the file was written.")
                yield event

        def show(event: Step | Exported) -> None:
            from napari_sr.models.export import Step

            if isinstance(event, Step):
                self.say(f"{event.text} …")
                return
            said = f"{event.path.name} is written, and was tested: other programs get the same from it. It says how"
            self.done = " ".join([f"{said} it is used.", *event.notes])
            self.say(self.done, GOOD)
            self.form.status.setToolTip("\n".join([str(event.path), *event.how_to]))

        self.start(f"Exporting {entry.name} …", work, show, patient=True)

    def shut_down(self) -> None:
        """Stop listening to the other widgets too."""
        super().shut_down()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self.load)
