"""What the dock widget *Models* looks like. It shows a state and emits what is pressed; it does nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sr.widgets.base.colours import text_colour
from napari_sr.widgets.base.messages import MessageLabel, help_button
from napari_sr.widgets.base.sections import row_of, section
from napari_sr.widgets.controls.model_box import tooltip
from napari_sr.widgets.models.export_part import ExportPart
from napari_sr.widgets.models.state import State, groups, lines

if TYPE_CHECKING:
    from napari_sr.models.manage import Entry

#: rows of the list that are seen at once
ROWS = 11


class ModelsForm(QWidget):
    """The controls of *Models*."""

    card_pressed, add_pressed, check_pressed = Signal(), Signal(), Signal()
    rename_pressed, edit_pressed, remove_pressed = Signal(), Signal(), Signal()
    export_pressed, cancel_pressed, help_pressed = Signal(), Signal(), Signal()
    folder_pressed, move_pressed = Signal(), Signal()
    #: another model was chosen
    selected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.list = QListWidget()
        self.list.setAccessibleName("Models")
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.about, self.where, self.status = MessageLabel("quiet"), MessageLabel("quiet"), MessageLabel()
        self.card_button, self.add_button = QPushButton("Card…"), QPushButton("Add…")
        self.check_button, self.rename_button = QPushButton("Check all"), QPushButton("Rename…")
        self.edit_button, self.remove_button = QPushButton("Edit card…"), QPushButton("Remove…")
        self.folder_button, self.move_button = QPushButton("Open folder"), QPushButton("Move folder…")
        self.cancel_button, self.help_button = QPushButton("Cancel"), help_button()
        self.export_part = ExportPart()
        #: what stays in view below: how far it is, and what came out
        self.footer = QWidget()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self._explain()
        self._lay_out()
        for button, signal in (
            (self.card_button, self.card_pressed), (self.add_button, self.add_pressed),
            (self.check_button, self.check_pressed), (self.rename_button, self.rename_pressed),
            (self.edit_button, self.edit_pressed), (self.remove_button, self.remove_pressed),
            (self.export_part.button, self.export_pressed), (self.cancel_button, self.cancel_pressed),
            (self.help_button, self.help_pressed), (self.folder_button, self.folder_pressed),
            (self.move_button, self.move_pressed),
        ):  # fmt: skip
            button.clicked.connect(signal)
        self.list.currentItemChanged.connect(lambda now, before: self.selected.emit())
        self.list.itemActivated.connect(lambda item: self.card_pressed.emit())

    def _explain(self) -> None:
        tips = {
            self.list: "All models. Enter shows the card of the chosen one.",
            self.card_button: "What the model was trained on, how good it was measured to be, its licence.",
            self.add_button: "Copies a model file into your folder. Files can also be dropped here.",
            self.check_button: "Reads every model from beginning to end, and compares what is in it with what its card "
            "says.",
            self.rename_button: "Gives a model of yours another name.",
            self.edit_button: "Changes the title, the description and the licence of a model of yours.",
            self.remove_button: "Deletes a model of yours, after asking.",
            self.folder_button: "Shows the folder of your models.",
            self.move_button: "Moves all of your models into another folder, which is used from now on.",
            self.cancel_button: "Stop what is running. Nothing is left behind then.",
            self.bar: "How much is done.",
        }
        for widget, tip in tips.items():
            widget.setToolTip(tip)

    def _lay_out(self) -> None:
        self.list.setMinimumHeight(ROWS * self.fontMetrics().lineSpacing())
        first = row_of(self.card_button, self.add_button, self.check_button)
        first.addWidget(self.help_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addLayout(first)
        layout.addLayout(row_of(self.rename_button, self.edit_button, self.remove_button))
        export = QVBoxLayout()
        export.addWidget(self.export_part)
        self.export_section = section("For other programs", export)
        layout.addWidget(self.export_section)
        folder = QVBoxLayout()
        folder.addWidget(self.where)
        folder.addLayout(row_of(self.folder_button, self.move_button))
        layout.addWidget(section("Where they are", folder))
        running = QHBoxLayout()
        running.addWidget(self.bar, 1)
        running.addWidget(self.cancel_button)
        below = QVBoxLayout(self.footer)
        below.setContentsMargins(4, 0, 4, 4)
        below.addLayout(running)
        below.addWidget(self.status)
        self._paint_headings()

    def _paint_headings(self) -> None:
        """Let headings be read as well as what stands under them."""
        style = f"QListWidget::item:disabled {{ color: {text_colour()}; }}"
        if self.list.styleSheet() != style:
            self.list.setStyleSheet(style)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange and hasattr(self, "footer"):
            self._paint_headings()

    def show_state(self, state: State) -> None:
        """Enable and show what a state says."""
        for button, on in (
            (self.add_button, state.can_add), (self.card_button, state.can_show_card),
            (self.check_button, state.can_check), (self.rename_button, state.can_change),
            (self.edit_button, state.can_change), (self.remove_button, state.can_remove),
            (self.export_part.button, state.can_export), (self.move_button, state.can_move),
            (self.cancel_button, state.can_cancel),
        ):  # fmt: skip
            button.setEnabled(on)
        self.export_part.show_rows(told=state.shows_told, sliders=state.shows_sliders, author=state.shows_author)
        self.about.say(state.about)
        self.where.say(state.where)

    def set_entries(self, entries: Sequence[Entry], choose: str = "") -> None:
        """List models; chooses the one called ``choose``, else the one from before, else the first."""
        before = self.entry()
        wanted = choose or ("" if before is None else before.name)
        self.list.blockSignals(True)
        self.list.clear()
        rows: dict[str, int] = {}
        shown = lines(entries)
        for title, members in groups(entries):
            heading = QListWidgetItem(title)
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            bold = heading.font()
            bold.setBold(True)
            heading.setFont(bold)
            self.list.addItem(heading)
            for entry in members:
                item = QListWidgetItem(f"   {shown[entry.path]}")
                item.setData(Qt.ItemDataRole.UserRole, entry)
                item.setToolTip(entry.problem if entry.card is None else tooltip(entry.card))
                self.list.addItem(item)
                rows.setdefault(entry.name, self.list.count() - 1)
        self.list.setCurrentRow(rows.get(wanted, min(rows.values(), default=-1)))
        self.list.blockSignals(False)
        self.list.scrollToItem(self.list.currentItem())
        self.selected.emit()

    def entry(self) -> Entry | None:
        """The chosen model."""
        item = self.list.currentItem()
        entry: Entry | None = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        return entry

    def select(self, name: str) -> bool:
        """Choose the model ``name``; returns False if it is not listed."""
        for row in range(self.list.count()):
            entry = self.list.item(row).data(Qt.ItemDataRole.UserRole)
            if entry is not None and entry.name == name:
                self.list.setCurrentRow(row)
                return True
        return False

    def show_progress(self, done: int, total: int) -> None:
        """Show how much is done; a ``total`` of 0 for what nobody can count."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)
