"""A table of figures that can be sorted, copied and saved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_sr.evaluation.table import Table, short_names
from napari_sr.metrics import METRICS

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QResizeEvent


#: figures that are seen at once
FIRST = 3
#: pixels that names take at most, until the column is drawn wider
NAME = 100


class FigureTable(QTableWidget):
    """Rows of measured figures; the best of each column is bold.

    A click on a header sorts; Ctrl+C copies the whole table, tab-separated, for a spreadsheet.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table: Table | None = None
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.setSortingEnabled(True)
        self._all = False

    def has_more(self) -> bool:
        """Return True if there are figures that are not seen, or would not be."""
        return self.table is not None and len(self.table.metrics) > self._fitting()

    def show_all(self, on: bool) -> None:
        """Show every figure, or only as many as fit into the dock."""
        self._all = on
        fitting = self._fitting()
        for column in range(1, self.columnCount()):
            self.setColumnHidden(column, not on and column > fitting)

    def _fitting(self) -> int:
        """Return how many figures fit beside the names, at least one and at most three."""
        port, header = self.viewport(), self.horizontalHeader()
        if port is None or header is None or not self.isVisible():
            return FIRST
        room, count = port.width() - self.columnWidth(0), 0
        for column in range(1, min(FIRST + 1, self.columnCount())):
            room -= max(self.sizeHintForColumn(column), header.sectionSizeHint(column))
            count += room >= 0
        return max(1, count)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Show as many figures as fit now."""
        super().resizeEvent(event)
        if not self._all:
            self.show_all(False)

    def show_table(self, table: Table, *, pixel: tuple[float, str] = (1.0, "px")) -> None:
        """Show a table in place of the one before.

        Parameters
        ----------
        table
            The figures.
        pixel
            Length and unit of a pixel: what is measured in pixels is shown in that unit.
        """
        self.table = table
        self.setSortingEnabled(False)
        self.clear()
        self.setColumnCount(1 + len(table.metrics))
        self.setRowCount(len(table.rows))
        self.setHorizontalHeaderLabels(["image", *(_header(table, m, pixel) for m in table.metrics)])
        short = short_names([row.name for row in table.rows])
        for number, row in enumerate(table.rows):
            name = QTableWidgetItem(short[row.name])
            name.setToolTip(row.name)
            self.setItem(number, 0, name)
            for column, metric in enumerate(table.metrics, start=1):
                factor = pixel[0] if _in_pixels(metric) else 1.0
                value = row.means.get(metric)
                text = table.cell(row, metric) if factor == 1 or value is None else f"{value * factor:.3g}"
                item = _Figure(value, text)
                spread = row.deviations.get(metric)
                if table.images > 1 and spread is not None:
                    item.setText(f"{text} ± {spread * factor:.2g}")
                    item.setToolTip(f"mean and standard deviation over {table.images} planes")
                if table.is_best(row, metric):
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self.setItem(number, column, item)
        header = self.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMaximumSectionSize(190)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)  # a long name must not hide the figures
        self.setColumnWidth(0, min(NAME, self.sizeHintForColumn(0) + 8))
        self.show_all(self._all)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # the order of the candidates, until one is clicked
        self.setSortingEnabled(True)
        height = min(320, 40 + 30 * (1 + len(table.rows)))
        self.setMinimumHeight(height)
        self.setMaximumHeight(height + 20)

    def text(self) -> str:
        """Return the table, tab-separated, as it is sorted now."""
        # all of them, also those that are not seen
        headers = [self.horizontalHeaderItem(c).text() for c in range(self.columnCount())]
        rows = [[self.item(r, c).text() for c in range(self.columnCount())] for r in range(self.rowCount())]
        return "\n".join("\t".join(cells) for cells in [headers, *rows])

    def copy(self) -> None:
        """Put the table and its conditions on the clipboard."""
        clipboard = QApplication.clipboard()
        if clipboard is not None and self.table is not None:
            clipboard.setText(f"{self.text()}\n{self.table.conditions_line()}")

    def save(self, path: Path) -> None:
        """Write the table as CSV; its conditions come in the last line."""
        assert self.table is not None
        path.write_text(self.table.to_csv(), encoding="utf-8")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Copy on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)


def _in_pixels(metric: str) -> bool:
    return metric in METRICS and METRICS[metric].unit == "px"


def _header(table: Table, metric: str, pixel: tuple[float, str]) -> str:
    """Return the title of a column in the unit that its figures are shown in."""
    header = table.header(metric)
    return header.replace("[px]", f"[{pixel[1]}]") if _in_pixels(metric) else header


class _Figure(QTableWidgetItem):
    """A cell that is sorted by its value; what has none comes last."""

    def __init__(self, value: float | None, text: str) -> None:
        super().__init__(text)
        self.value = -math.inf if value is None or math.isnan(value) else value
        self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self.value < other.value if isinstance(other, _Figure) else super().__lt__(other)
