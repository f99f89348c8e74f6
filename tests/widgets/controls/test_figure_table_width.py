"""As many figures as fit into a dock are seen; the others are a button away."""

import pytest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.evaluation.table import Row, Table
from napari_sr.widgets.controls.figure_table import FIRST, FigureTable


@pytest.mark.parametrize("width", [180, 260, 340, 700])
def test_no_column_is_cut(width, qtbot):
    metrics = ("psnr", "ssim", "ms_ssim", "rmse", "nrmse")
    rows = tuple(
        Row(f"a layer with a long name {n}", dict.fromkeys(metrics, 0.5 + n), dict.fromkeys(metrics, 0.0))
        for n in range(2)
    )
    holder, table = QWidget(), FigureTable()
    QVBoxLayout(holder).addWidget(table)
    qtbot.addWidget(holder)
    holder.resize(width, 300)
    holder.show()
    table.show_table(Table(rows, metrics, 1, {}, {}))
    shown = [c for c in range(1, table.columnCount()) if not table.isColumnHidden(c)]
    assert 1 <= len(shown) <= FIRST
    used = table.columnWidth(0) + sum(table.columnWidth(c) for c in shown)
    assert used <= table.viewport().width() or len(shown) == 1
    assert table.has_more()
    assert (len(shown) == FIRST) == (width >= 340)
    table.show_all(True)
    assert not any(table.isColumnHidden(c) for c in range(1, table.columnCount()))
    holder.resize(width + 40, 300)
    assert not table.isColumnHidden(5)  # who has asked for all keeps them
