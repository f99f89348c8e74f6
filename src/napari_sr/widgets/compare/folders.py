"""*Folders* of *Compare*: a model on pairs of files, and every pair to look at."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets.base.messages import message_label
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.controls.figure_table import FigureTable
from napari_sr.widgets.controls.model_box import ModelBox
from napari_sr.widgets.controls.path_edit import PathEdit
from napari_sr.widgets.layers.maps import add_maps, geometry_of, map_layers, remove_maps
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY

if TYPE_CHECKING:
    from napari_sr.evaluation.pairs import Checked, ComparedPair
    from napari_sr.models.model import ModelCard

WHAT = "Measures a model on low-resolution files and the true ones of the same names, as a quality control."
#: made_by of the layers that are added
QUALITY = "quality"


class QualitySection(QWidget):
    """Two folders, a model, the table, and a list of the pairs.

    Parameters
    ----------
    viewer
        Pairs are shown in it.
    start_job, say, stopping
        Of the dock widget that holds this.
    """

    def __init__(
        self, viewer: Any, *, start_job: Callable[..., None], say: Callable[..., None], stopping: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.viewer, self._start, self._say, self._stopping = viewer, start_job, say, stopping
        self._checked: Checked | None = None
        self._model = ""
        self.lr_path, self.hr_path = PathEdit("Low-resolution images"), PathEdit("The true ones, of the same names")
        self.model_box = ModelBox()
        self.check_button = QPushButton("Measure")
        self.check_button.setToolTip("Super-resolves every low-resolution file and measures it against its partner.")
        self.model_box.setToolTip("The model that is measured.")
        self.table = FigureTable()
        self.table.hide()
        self.conditions = message_label()
        self.pairs = QListWidget()
        self.pairs.setMaximumHeight(160)
        self.pairs.setToolTip("Click a pair to see it, what the model makes of it, and the maps.")
        self.pairs.hide()
        what = message_label()
        what.setText(WHAT)
        form = form_of(("LR", self.lr_path), ("HR", self.hr_path), ("Model", self.model_box))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(what)
        layout.addLayout(form)
        for widget in (self.check_button, self.table, self.conditions, self.pairs):
            layout.addWidget(widget)
        self._running = False
        for edit in (self.lr_path, self.hr_path):
            edit.changed.connect(self._refresh)
        self.check_button.clicked.connect(self.check)
        self.pairs.itemClicked.connect(self._show)
        self.pairs.itemActivated.connect(self._show)
        self._refresh()

    def set_cards(self, cards: Sequence[ModelCard]) -> None:
        """List the models."""
        self.model_box.set_cards(cards)
        self._refresh()

    def set_running(self, running: bool) -> None:
        """Enable what can be pressed now."""
        self._running = running
        self.pairs.setEnabled(not running)
        self._refresh()

    def _refresh(self) -> None:
        ready = self.lr_path.path() and self.hr_path.path() and self.model_box.card()
        self.check_button.setEnabled(bool(ready) and not self._running)

    def check(self) -> None:
        """Measure the model on all pairs in the background."""
        lr, hr, card = self.lr_path.path(), self.hr_path.path(), self.model_box.card()
        if lr is None or hr is None or card is None:
            return
        self._say("Looking for pairs …")
        name = card.name

        from napari_sr.evaluation.test_set import Evaluating

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.pairs import iter_quality
            from napari_sr.models.store import load_model

            yield from iter_quality(lr, hr, load_model(name), should_stop=self._stopping)

        def show(event: Checked | Evaluating) -> None:
            if isinstance(event, Evaluating):
                self._say(f"Image {event.done} of {event.total} …")
            else:
                self._model = name
                self._list(event)

        self._start(work, show, keep=lambda event: not isinstance(event, Evaluating))

    def _list(self, checked: Checked) -> None:
        self._checked = checked
        self.table.show_table(checked.table)
        self.table.show()
        self.conditions.setText(f"{checked.table.images} images; {checked.table.conditions_line()}.")
        self.pairs.clear()
        for number, title in enumerate(checked.titles):
            figures = checked.table.each[self._model][number]
            shown = ", ".join(
                f"{metric.upper()} {value:.{2 if metric == 'psnr' else 3}f}"
                for metric in ("psnr", "ssim")
                if (value := figures.get(metric)) is not None
            )
            item = QListWidgetItem(f"{title}: {shown}")
            item.setData(Qt.ItemDataRole.UserRole, number)
            self.pairs.addItem(item)
        self.pairs.show()
        self._say("Done. Click a pair in the list to look at it.")

    def _show(self, item: QListWidgetItem) -> None:
        """Show a pair, what the model makes of it, and the maps of both against the truth."""
        checked, number, model = self._checked, int(item.data(Qt.ItemDataRole.UserRole)), self._model
        if checked is None:
            return

        from napari_sr.evaluation.comparison import ComparisonProgress

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.pairs import iter_compared_pair
            from napari_sr.models.store import load_model

            pair = checked.titles[number], checked.lr[number], checked.hr[number]
            yield from iter_compared_pair(*pair, load_model(model), should_stop=self._stopping)

        def show(event: ComparedPair | ComparisonProgress) -> None:
            if isinstance(event, ComparisonProgress):
                self._say(event.text)
            else:
                show_layers(self.viewer, event)
                self._say("Done.")

        self._start(work, show, keep=lambda event: not isinstance(event, ComparisonProgress))


def show_layers(viewer: Any, shown: ComparedPair) -> None:
    """Add LR, HR and SR and their maps in place of those of another pair."""
    remove_maps(viewer, QUALITY)
    for old in [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == QUALITY]:
        remove_layer(viewer, old)
    values = shown.hr[np.isfinite(shown.hr)]
    limits = [float(v) for v in np.percentile(values, (0.1, 99.9))]
    limits[1] = limits[1] if limits[1] > limits[0] else limits[0] + 1
    reference: Any = None
    for name, image, factor in (("HR", shown.hr, 1), ("LR", shown.lr, shown.scale), ("SR", shown.sr, 1)):
        layer = viewer.add_image(
            image, name=f"{shown.title} {name}", contrast_limits=limits, scale=(factor, factor), visible=name != "HR",
            translate=((factor - 1) / 2,) * 2, metadata={METADATA_KEY: {"made_by": QUALITY}},
        )  # fmt: skip
        reference = layer if name == "HR" else reference
    add_maps(viewer, map_layers(shown.comparison.maps, geometry_of(reference)), group=QUALITY, unit="")
