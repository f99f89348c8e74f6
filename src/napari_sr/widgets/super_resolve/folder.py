"""*A whole folder* of *Super-resolve*: every image in it to a TIFF, and a list to look at the results."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_sr.errors import SRError
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.controls.path_edit import PathEdit
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY, resampled_arguments

if TYPE_CHECKING:
    from napari_sr.inference.batch import FileDone
    from napari_sr.models.model import Model

#: subfolder of the images' where results go, unless another is chosen
RESULTS = "super-resolved"
BROWSED = "browsed"


class FolderSection(QWidget):
    """Two folders, a button, and the list of what is done.

    Parameters
    ----------
    viewer
        Results are shown in it.
    load
        Returns a function that loads the chosen model in the background, and the settings of the run; None without a
        model.
    start_job, say, stopping
        Of the dock widget that holds this.
    """

    def __init__(
        self,
        viewer: Any,
        *,
        load: Callable[[], tuple[Callable[[], Model], dict[str, Any]] | None],
        start_job: Callable[..., None],
        say: Callable[..., None],
        stopping: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.viewer, self._load, self._start, self._say = viewer, load, start_job, say
        self._stopping, self._running = stopping, True  # until there is a model
        self.source, self.target = PathEdit("Folder of images"), PathEdit("Folder for the results")
        self.run_button = QPushButton("Run on the folder")
        self.run_button.setToolTip("Super-resolves every image of the folder with the chosen model.")
        self.results = QListWidget()
        self.results.setMaximumHeight(160)
        self.results.setToolTip("Click a result to see it over its image.")
        self.results.hide()
        self.which = QSpinBox()
        self.which.setRange(0, 999)
        self.which.setSpecialValueText("the largest")
        self.which.setToolTip("Which image of files that hold several, counted from 1. The list says what there is.")
        form = form_of(("Images", self.source), ("Results", self.target), ("Image in a file", self.which))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.run_button)
        layout.addWidget(self.results)
        self.source.changed.connect(self._on_source)
        self.run_button.clicked.connect(self.run)
        self.results.itemClicked.connect(self._show)
        self.results.itemActivated.connect(self._show)

    def set_running(self, running: bool) -> None:
        """Enable what can be pressed now."""
        self._running = running
        self.run_button.setEnabled(not running and self.source.path() is not None)

    def _on_source(self) -> None:
        source, target = self.source.path(), self.target.path()
        if source is not None and (target is None or target.name == RESULTS):
            self.target.set_path(source / RESULTS)
        self.run_button.setEnabled(source is not None and not self._running)

    def run(self) -> None:
        """Super-resolve every image of the folder in the background."""
        source, target, loaded = self.source.path(), self.target.path(), self._load()
        if source is None or loaded is None or self._running:
            return
        output = target if target is not None else source / RESULTS
        load, settings = loaded
        image = self.which.value() - 1 if self.which.value() else None
        self.results.clear()
        self.results.hide()
        self._say("Starting …")

        def work() -> Generator[Any, None, None]:
            from napari_sr.inference import Upscaler
            from napari_sr.inference.batch import iter_upscale_jobs, tasks_of

            upscaler = Upscaler(load(), **settings)
            jobs = tasks_of([source], output, upscaler.model.card.name, image=image)
            yield from iter_upscale_jobs(jobs, upscaler, should_stop=self._stopping)

        def show(event: Any) -> None:
            if is_done(event):
                self._add(event)
                self._say(self._summary(output))
            else:
                self._say(f"{event.source.name}: image {event.number + 1} of {event.total}")

        self._start(work, show, keep=is_done)

    def _add(self, done: FileDone) -> None:
        ending = f": {done.reason}" if done.error else " (was there already)" if done.before else ""
        item = QListWidgetItem(done.source.name + ending)
        notes = "" if done.report is None else "\n".join(done.report.notes)
        item.setToolTip(done.error or f"{done.target}\n{notes}".strip())
        item.setData(Qt.ItemDataRole.UserRole, done)
        self.results.addItem(item)
        self.results.show()

    def _summary(self, output: Path) -> str:
        done = [self.results.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.results.count())]
        failed, before = sum(bool(d.error) for d in done), sum(d.before for d in done)
        parts = [f"{len(done) - failed - before} written to {output}"]
        parts += [f"{before} were there already"] if before else []
        parts += [f"{failed} failed: see the list"] if failed else []
        return "; ".join(parts) + "."

    def _show(self, item: QListWidgetItem) -> None:
        """Show an image and its result in place of those that were looked at before."""
        done = item.data(Qt.ItemDataRole.UserRole)
        if done.error:
            self._say(f"{done.source.name}: {done.reason}", ERROR)
            return
        try:
            show_pair(self.viewer, done.source, done.target)
        except SRError as error:
            self._say(str(error), ERROR)
        else:
            self._say(f"{done.source.name} and what was made of it are shown.")


def is_done(event: Any) -> bool:
    """Return True for the end of one image of a folder."""
    from napari_sr.inference.batch import FileDone

    return isinstance(event, FileDone)


def show_pair(viewer: Any, source: Path, target: Path) -> None:
    """Show an image file and its super-resolved one over it; those that were shown so before go.

    Raises
    ------
    ImageError
        If one cannot be read.
    """
    from napari_sr.images.readers import read_image
    from napari_sr.images.view import shown_like
    from napari_sr.widgets.layers.density import register_units

    below, above = (shown_like(read_image(file, lazy=True)) for file in (source, target))
    for old in [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == BROWSED]:
        remove_layer(viewer, old)
    spatial = [a for a in below.axes if a != "S"]
    unit = below.geometry.units
    layer = viewer.add_image(
        below.data, name=source.name, rgb=below.axes.endswith("S"), metadata={METADATA_KEY: {"made_by": BROWSED}},
        scale=[below.geometry.steps.get(a, 1.0) for a in spatial],
        translate=[below.geometry.origin.get(a, 0.0) for a in spatial],
        units=[register_units(unit.get(a, "pixel")) for a in spatial],
    )  # fmt: skip
    assert isinstance(layer, Image)
    factor = above.data.shape[above.axes.index("Y")] / below.data.shape[below.axes.index("Y")]
    viewer.add_image(
        above.data, name=target.name, metadata={METADATA_KEY: {"made_by": BROWSED}},
        **resampled_arguments(layer, below.axes, factor),
    )  # fmt: skip
