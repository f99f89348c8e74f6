"""The dock widget *Train*."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_sr.errors import SRError
from napari_sr.widgets.catalogue import catalogue
from napari_sr.widgets.close_guard import CloseGuard
from napari_sr.widgets.layers import METADATA_KEY, NANOMETRES, snapshot
from napari_sr.widgets.super_resolve import duration
from napari_sr.widgets.super_resolve_form import ERROR_STYLE
from napari_sr.widgets.train_form import TrainForm
from napari_sr.widgets.train_job import Request, Stack, Started, Trained, iter_run, iter_training
from napari_sr.widgets.worker import Ended, Failed, Job, Stopped

if TYPE_CHECKING:
    import napari

    from napari_sr.model import ModelCard
    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.runs import Run

NO_IMAGE = "Open high-resolution images, or File ▸ Open Sample ▸ Super-resolution ▸ N-body training stack."
NO_PREVIEW = "Choose a folder of high-resolution images."
#: milliseconds without a change after which the length of a run is measured
REST = 800


@dataclass(frozen=True)
class _Found:
    """What the background start-up found."""

    cards: tuple[ModelCard, ...]
    runs: tuple[Run, ...]
    names: tuple[str, ...]


class Train(TrainForm):
    """Train a model on the user's own images, and watch it learn.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._ready = False
        self._paused = threading.Event()
        self._started: Started | None = None
        self._report: Path | None = None
        self._step = 0
        self._stage: Any = None
        self._form: Any = None
        self._curves: Any = None
        self._measuring: Job | None = None
        self._per_step: dict[tuple[Any, ...], float] = {}
        self._names: tuple[str, ...] = ()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._measure)
        self.hr_box.layer_changed.connect(self._on_images)
        self.lr_box.layer_changed.connect(self._on_images)
        self.hr_path.changed.connect(self._on_images)
        self.lr_path.changed.connect(self._on_images)
        self.where_box.currentIndexChanged.connect(self._on_images)
        self.preset_box.currentIndexChanged.connect(self._on_images)
        self.scale_box.valueChanged.connect(self._on_images)
        self.recipe_box.currentIndexChanged.connect(self._on_recipe)
        self.length_box.currentIndexChanged.connect(self._on_recipe)
        self.start_box.currentIndexChanged.connect(self._on_start)
        self.name_edit.textChanged.connect(self.refresh)
        self.train_button.clicked.connect(self.train)
        self.pause_button.clicked.connect(self.pause)
        self.stop_button.clicked.connect(self.stop)
        self.resume_button.clicked.connect(self.resume)
        self.command_button.clicked.connect(self.copy_command)
        self.export_button.clicked.connect(self._export)
        self.report_button.clicked.connect(self._open_report)
        self._guard: CloseGuard | None = None
        window = getattr(getattr(self.viewer, "window", None), "_qt_window", None)
        if window is not None:
            self._guard = CloseGuard(window, busy=self._is_training, agreed=self._agreed, closing=self.shut_down)
        catalogue().changed.connect(self._on_new_model)
        self.refresh()
        self._load()

    # -- start-up ---------------------------------------------------------------------------------

    def _load(self) -> None:
        """Find models, recipes and stopped runs in the background: importing Lightning takes seconds."""
        self.say("Loading …")

        def look() -> Generator[_Found, None, None]:
            import matplotlib.backends.backend_agg  # noqa: F401 - imported here, where nobody waits for it

            import napari_sr.training.timing  # noqa: F401
            from napari_sr.store import list_models, model_paths
            from napari_sr.training.runs import unfinished_runs

            cards = tuple(c for c in list_models(interpolations=False) if c.network != "wiener")
            yield _Found(cards, tuple(unfinished_runs()), tuple(model_paths()))

        def found(what: _Found) -> None:
            if not self._ready:
                self._fill()
            self._names = what.names
            self._list_models(what.cards)
            self._list_runs(what.runs)
            self._ready = True
            if not self.name_edit.text():
                self.name_edit.setText(self._free_name("my-model"))
            self._on_images()
            self._on_recipe()

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.say(how.message, ERROR_STYLE)
            elif self.status.text() == "Loading …":
                self.say("")

        self.start_job(look, found, end)

    def _fill(self) -> None:
        """Fill the lists that do not change, and make room for the curves."""
        from napari_sr.degradations import PRESETS
        from napari_sr.training.recipes import LENGTHS, RECIPES
        from napari_sr.widgets.curve_view import CurveView

        for box in (self.preset_box, self.recipe_box, self.length_box):
            box.blockSignals(True)
        for name in PRESETS:
            self.preset_box.addItem(PRESETS.entry(name).title, name)
        self.preset_box.setCurrentIndex(self.preset_box.findData("em"))
        for name in RECIPES:
            self.recipe_box.addItem(RECIPES.entry(name).title, name)
        self.recipe_box.setCurrentIndex(self.recipe_box.findData("wgan-pixel"))
        for name, (title, _) in LENGTHS.items():
            self.length_box.addItem(title, name)
        for box in (self.preset_box, self.recipe_box, self.length_box):
            box.blockSignals(False)
        self._curves = CurveView()
        self._curves.hide()
        self.curve_place.addWidget(self._curves)

    def _list_models(self, cards: tuple[ModelCard, ...]) -> None:
        chosen = self.start_box.currentText()
        self.start_box.blockSignals(True)
        self.start_box.clear()
        self.start_box.addItem("scratch", None)
        for card in cards:
            self.start_box.addItem(card.name, card)
            last = self._last_of(card.name)
            if last is not None:
                self.start_box.addItem(f"{card.name} (its last step)", (card, last))
        self.start_box.setCurrentIndex(max(0, self.start_box.findText(chosen)))
        self.start_box.blockSignals(False)

    @staticmethod
    def _last_of(name: str) -> Path | None:
        """Return the model with the last weights of the run that made ``name``, if it is still there."""
        from napari_sr.training.runs import runs_folder

        path = runs_folder() / name / f"{name}-last.safetensors"
        return path if path.exists() else None

    def _list_runs(self, runs: tuple[Run, ...]) -> None:
        self.resume_box.clear()
        for run in runs:
            self.resume_box.addItem(f"{run.config.name}, stopped at step {run.step} of {run.config.steps}", run)
        self.resume_row.setVisible(bool(runs))

    def _free_name(self, wanted: str) -> str:
        from napari_sr.training.runs import runs_folder

        number = 1
        name = wanted
        while name in self._names or (runs_folder() / name).exists():
            number += 1
            name = f"{wanted}-{number}"
        return name

    # -- what the controls show -------------------------------------------------------------------

    @property
    def _on_layers(self) -> bool:
        return self.where_box.currentIndex() == 0

    def _has_lr(self) -> bool:
        return (self.lr_box.layer() if self._on_layers else self.lr_path.path()) is not None

    def _start_card(self) -> ModelCard | None:
        data = self.start_box.currentData()
        return data[0] if isinstance(data, tuple) else data

    def _on_images(self) -> None:
        """The images or their degradation were chosen."""
        if not self._ready:
            return
        hr, lr = self.hr_box.layer(), self.lr_box.layer()
        if self._on_layers and hr is not None:
            if self.sender() is self.hr_box and hr.metadata.get(METADATA_KEY, {}).get("kind") == "N-body":
                self.preset_box.setCurrentIndex(self.preset_box.findData("nbody"))
            if lr is not None:
                self.scale_box.setValue(max(2, min(8, round(hr.data.shape[-1] / lr.data.shape[-1]))))
        self._show_patch()
        self.refresh()
        self._rest.start(REST)

    def _show_patch(self) -> None:
        layer = self.hr_box.layer() if self._on_layers else None
        visible = layer is not None and not layer.rgb and not self._has_lr()
        self.before_after.setVisible(visible)
        if layer is not None and visible:
            data = layer.data[0] if layer.multiscale else layer.data
            low, high = (float(v) for v in layer.contrast_limits)
            log = self.preset_box.currentData() == "nbody"
            self.before_after.show_patch(
                data, str(self.preset_box.currentData()), self.scale_box.value(), (low, high), log
            )

    def _on_start(self) -> None:
        """A model to go on from was chosen: it brings its scale, its degradation and its network."""
        card = self._start_card()
        if card is not None:
            self.scale_box.setValue(card.scale)
            row = self.preset_box.findData(card.degradation)
            if row >= 0:
                self.preset_box.setCurrentIndex(row)
            if card.network == "dfcan":
                self.recipe_box.setCurrentIndex(self.recipe_box.findData("dfcan"))
            elif self.recipe_box.currentData() == "dfcan":
                self.recipe_box.setCurrentIndex(self.recipe_box.findData("wgan-pixel"))
            if self.name_edit.text().startswith("my-"):
                self.name_edit.setText(self._free_name(f"my-{card.name}"))
        self.refresh()
        self._rest.start(REST)

    def _on_recipe(self) -> None:
        """A recipe or a length was chosen: show its settings under *Advanced*."""
        if not self._ready:
            return
        from napari_sr.training import Source, recipe_config
        from napari_sr.training.recipes import length_changes
        from napari_sr.widgets.config_form import ConfigForm

        recipe = str(self.recipe_box.currentData())
        defaults = recipe_config(
            recipe, name="x", train=(Source("x"),), **length_changes(recipe, str(self.length_box.currentData()))
        )
        if self._form is not None:
            self.advanced.removeWidget(self._form.native)
            self._form.native.deleteLater()
        self._form = ConfigForm(defaults)
        self._form.changed.connect(lambda: self._rest.start(REST))
        self.advanced.addWidget(self._form.native)
        self.area.updateGeometry()
        self.refresh()
        self._rest.start(REST)

    def refresh(self) -> None:
        """Enable what can be pressed now."""
        running = self._job is not None and self._ready
        images = self.hr_box.layer() if self._on_layers else self.hr_path.path()
        stopping = running and self._job is not None and self._job.cancelled
        self.train_button.setEnabled(self._ready and not running and images is not None and bool(self.name_edit.text()))
        self.pause_button.setEnabled(running and not stopping)
        self.stop_button.setEnabled(running and not stopping)
        self.resume_button.setEnabled(self._ready and not running)
        self.resume_box.setEnabled(not running)
        for section in (self.data_section, self.recipe_section):
            section.content().setEnabled(not running)
        self.scale_box.setEnabled(not self._has_lr())
        self.preset_box.setEnabled(not self._has_lr())
        self.command_button.setEnabled(self._started is not None)
        self.export_button.setEnabled(self._started is not None)
        self.report_button.setEnabled(self._report is not None)
        if self._ready and not running:
            hint = NO_IMAGE if self._on_layers else NO_PREVIEW
            if images is None:
                self.say(hint)
            elif self.status.text() in (NO_IMAGE, NO_PREVIEW):
                self.say("")

    # -- how long it will take --------------------------------------------------------------------

    def _changes(self) -> dict[str, Any]:
        from napari_sr.training.recipes import length_changes

        recipe = str(self.recipe_box.currentData())
        chosen = self._form.changes() if self._form is not None else {}
        return {**length_changes(recipe, str(self.length_box.currentData())), **chosen}

    def _measure(self) -> None:
        """Do a few steps in the background, unless it was done before, and say how long the run will take."""
        if not self._ready or self._job is not None:
            return
        if self._measuring is not None:
            self._measuring.cancel()
            self._rest.start(REST)
            return
        from napari_sr.training.timing import expected_seconds, seconds_per_step
        from napari_sr.widgets.train_job import make_config

        request = self._request(Path("unused"), "image", None)
        try:
            config = make_config(request, "image", "")
        except SRError as error:
            self.estimate.setText(str(error))
            return
        key = (request.recipe, request.start_from, config.scale, config.lr_patch, config.batch_size, config.precision)
        steps = f"{config.steps} steps"

        def tell(per_step: float) -> None:
            self.estimate.setText(f"about {duration(expected_seconds(config, per_step))} on this computer")
            self.estimate.setToolTip(f"{steps}, {per_step:.2g} s each, measured just now")

        if key in self._per_step:
            tell(self._per_step[key])
            return
        self.estimate.setText("measuring how long it will take …")

        def measure() -> Generator[float | None, None, None]:
            job = self._measuring
            yield seconds_per_step(config, should_stop=lambda: job is not None and job.cancelled)

        def show(per_step: float | None) -> None:
            if per_step is not None:
                self._per_step[key] = per_step
                tell(per_step)

        def end(how: Failed | Stopped | Ended) -> None:
            self._measuring = None
            if isinstance(how, Failed):
                self.estimate.setText(how.message)
            elif key not in self._per_step:
                self.estimate.setText("")

        self._measuring = self.start_side_job(measure, show, end)

    # -- a run ------------------------------------------------------------------------------------

    def _request(self, folder: Path, hr: Stack | str, lr: Stack | str | None) -> Request:
        start = self.start_box.currentData()
        card = self._start_card()
        return Request(
            folder=folder, recipe=str(self.recipe_box.currentData()), name=self.name_edit.text().strip(),
            start_from="" if card is None else str(start[1]) if isinstance(start, tuple) else card.name,
            scale=self.scale_box.value(), degradation="" if lr is not None else str(self.preset_box.currentData()),
            hr=hr, lr=lr, changes={**self._changes(), "card": self._card_entries(card)},
        )  # fmt: skip

    def _card_entries(self, start: ModelCard | None) -> dict[str, Any]:
        """Return what the card shall say and training cannot know."""
        entries: dict[str, Any] = {"kind": "own", "title": self.name_edit.text().strip()}
        if start is not None:
            entries |= {"kind": start.kind, "licence": start.licence, "attribution": start.attribution,
                        "citation": start.citation}  # fmt: skip
        layer = self.hr_box.layer() if self._on_layers else None
        if layer is not None:
            source = snapshot(layer)
            entries["kind"] = source.kind or entries["kind"]
            if source.unit in NANOMETRES:
                size = source.pixel_size * NANOMETRES[source.unit] * self.scale_box.value()
                entries |= {"pixel_size": [size], "pixel_unit": "nm"}
        return entries

    def _sources(self) -> tuple[Stack | str, Stack | str | None]:
        """Return the chosen images; raises :class:`SRError` if they cannot be trained on."""
        if not self._on_layers:
            hr_path, lr_path = self.hr_path.path(), self.lr_path.path()
            for path in (hr_path, lr_path):
                if path is not None and not path.exists():
                    raise SRError(f"There is no file or folder {path}.")
            return str(hr_path), None if lr_path is None else str(lr_path)
        stacks: list[Stack | None] = []
        for layer in (self.hr_box.layer(), self.lr_box.layer()):
            if layer is None:
                stacks.append(None)
                continue
            source = snapshot(layer)
            if source.rgb:
                raise SRError(f"{source.name} is a colour image; training needs single-channel images.")
            stacks.append(Stack(source.data, source.axes, source.name))
        assert stacks[0] is not None
        return stacks[0], stacks[1]

    def train(self) -> None:
        """Start a new run."""
        if self._job is not None or not self._ready:
            return
        from napari_sr.training.runs import runs_folder

        name = self.name_edit.text().strip()
        try:
            if not name or Path(name).name != name:
                raise SRError(f"The name {name!r} cannot be a file's name. Use letters, digits and hyphens.")
            if name in self._names:
                raise SRError(
                    f"You have a model called {name} already. Choose another name, e.g. {self._free_name(name)}."
                )
            hr, lr = self._sources()
        except SRError as error:
            self.say(str(error), ERROR_STYLE)
            return
        request = self._request(runs_folder() / name, hr, lr)
        self._begin(
            lambda: iter_training(request, should_stop=self._should_stop, place=self._place, patch=self._patch_side())
        )

    def resume(self) -> None:
        """Go on with the chosen run."""
        run: Run | None = self.resume_box.currentData()
        if self._job is not None or run is None:
            return
        self._begin(
            lambda: iter_run(
                run.config, run.folder, resume=True, should_stop=self._should_stop, place=self._place,
                patch=self._patch_side(), layers=False,
            )
        )  # fmt: skip

    def _begin(self, make: Any) -> None:
        self._paused.clear()
        self._report = None
        self._started = None
        self._step = 0
        self.pause_button.setText("Pause")
        self.warn("")
        self.patch_label.setText("")
        self.say("Starting …")
        if self._measuring is not None:
            self._measuring.cancel()
        self._layer = self.hr_box.layer() if self._on_layers else None
        self.data_section.collapse(animate=False)
        self.recipe_section.collapse(animate=False)

        def run() -> Generator[Any, None, None]:
            while self._measuring is not None:  # it ends at its next step
                time.sleep(0.05)
            yield from make()

        self.start_job(run, self._show, self._end, keep=self._must_show, patient=True)

    @staticmethod
    def _patch_side() -> int:
        from napari_sr.widgets.train_stage import SIDE

        return SIDE

    @staticmethod
    def _must_show(event: Any) -> bool:
        from napari_sr.training.progress import TrainProgress

        return not isinstance(event, TrainProgress) or event.val_psnr is not None or bool(event.note or event.stage)

    def _should_stop(self) -> bool:
        """Asked by the training after every step, in its thread; it is paused as long as this does not return."""
        while self._paused.is_set() and not self.stopping():
            time.sleep(0.05)
        return self.stopping()

    def _place(self) -> Any:
        from napari_sr.training.preview import Place

        stage = self._stage
        return stage.place() if stage is not None else Place(0, 0, 0)

    def _show(self, event: Any) -> None:
        if isinstance(event, Started):
            self._on_started(event)
        elif isinstance(event, Trained):
            self._report = event.report if event.report.exists() else None
            self.say(event.sentence)
            catalogue().changed.emit(event.name)
        elif hasattr(event, "sr"):
            if self._stage is not None:
                self._stage.show(event)
        else:
            self._advance(event)

    def _on_started(self, event: Started) -> None:
        """Open the stage: the box on the image, and the curves."""
        from napari_sr.training.images import kept_part, kept_planes
        from napari_sr.widgets.train_stage import TrainStage

        self._started = event
        config = event.config
        layer = self._layer
        if event.plane is not None or layer is None:
            name = f"{config.name}: validation image"
            layer = next((x for x in self.viewer.layers if x.name == name), None)
            if layer is None:
                layer = self.viewer.add_image(event.plane, name=name)
        shape = layer.data.shape
        corner = [n // config.scale // 2 - self._patch_side() // 2 for n in shape[-2:]]
        count = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
        self._kept: Any = (
            (lambda place: True) if event.plane is not None else (lambda place: place.plane in kept_planes(count))
        )
        if count == 1 and self._is_single(event):
            axis, _, start = kept_part(shape[-2:], scale=config.scale, lr_patch=config.lr_patch)
            corner[axis] = (start + shape[-2:][axis] // config.scale) // 2 - self._patch_side() // 2
            self._kept = lambda place: (place.row, place.column)[axis] >= start
        elif count > 1:  # the last plane is always kept
            point = list(self.viewer.dims.current_step)
            first = len(point) - layer.ndim
            point[first : first + layer.ndim - 2] = [n - 1 for n in shape[:-2]]
            self.viewer.dims.current_step = tuple(point)
        self._close_stage()
        self._stage = TrainStage(
            self.viewer, layer, scale=config.scale, start=(max(0, corner[0]), max(0, corner[1])), on_move=self._on_move
        )
        self._curves.show()
        self._curves.start(event.history)
        self.refresh()
        self._on_move()

    @staticmethod
    def _is_single(event: Started) -> bool:
        """Return True if a run has a single image, which is split."""
        source = Path(event.config.train[0].path)
        if event.plane is None:
            return True
        from napari_sr.data.folders import image_files, read_planes

        files = image_files(source)
        return len(files) == 1 and len(read_planes(files[0])) == 1

    def _on_move(self) -> None:
        if self._stage is None:
            return
        kept = self._kept(self._stage.place())
        self.patch_label.setText(
            "The pictures are of the box, a part that is kept aside: the model is not trained on it."
            if kept
            else "The pictures are of the box. The model is trained on this part: elsewhere it may do worse."
        )

    def _advance(self, event: TrainProgress) -> None:
        if event.note:
            self.warn(event.note)
        if event.stage:
            self.say(event.stage)
        if event.is_message:
            return
        self._step = event.step
        self.bar.setValue(round(1000 * event.step / max(1, event.steps)))
        self._curves.add(event)
        if self._job is not None and not self._job.cancelled and not self._paused.is_set():
            left = "" if event.remaining is None else f", {duration(event.remaining)} left"
            self.say(f"Step {event.step} of {event.steps}, loss {event.train_loss:.4g}{left}")

    def pause(self) -> None:
        """Pause the run, or let it go on."""
        if self._job is None:
            return
        if self._paused.is_set():
            self._paused.clear()
            self.pause_button.setText("Pause")
            self.say("Going on …")
        else:
            self._paused.set()
            self.pause_button.setText("Go on")
            self.say(f"Paused at step {self._step}.")

    def stop(self) -> None:
        """Stop after the present step; the run can be resumed."""
        if self._job is not None:
            self.cancel()
            self.say("Stopping …")
            self.refresh()

    def _end(self, how: Failed | Stopped | Ended) -> None:
        self.bar.setValue(0)
        self._close_stage()
        if not self._step:  # something has to be changed
            self.data_section.expand(animate=False)
            self.recipe_section.expand(animate=False)
        self._rest.start(REST)
        if isinstance(how, Failed):
            self.say(how.message, ERROR_STYLE)
        elif isinstance(how, Stopped):
            self.say(
                f"Stopped at step {self._step}. You can resume it whenever you like."
                if self._step
                else "Stopped before the first step."
            )
        self._relist()

    def _relist(self) -> None:
        """Look again which models and stopped runs there are."""

        def look() -> Generator[_Found, None, None]:
            from napari_sr.store import list_models, model_paths
            from napari_sr.training.runs import unfinished_runs

            cards = tuple(c for c in list_models(interpolations=False) if c.network != "wiener")
            yield _Found(cards, tuple(unfinished_runs()), tuple(model_paths()))

        def found(what: _Found) -> None:
            self._names = what.names
            self._list_models(what.cards)
            self._list_runs(what.runs)
            name = self.name_edit.text().strip()
            if name and self._free_name(name) != name:
                self.name_edit.setText(self._free_name(name.rstrip("0123456789").rstrip("-") or name))
            self.refresh()

        self.start_side_job(look, found)

    def _on_new_model(self, name: str) -> None:
        if self._job is None:
            self._relist()

    def _close_stage(self) -> None:
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    # -- afterwards -------------------------------------------------------------------------------

    def copy_command(self) -> None:
        """Put the shell command that repeats the run on the clipboard."""
        from napari_sr.training.runs import command_line

        if self._started is not None:
            command = command_line(self._started.folder, f"{self._started.config.name}-again")
            clipboard = QApplication.clipboard()
            assert clipboard is not None
            clipboard.setText(command)
            self.say(f"Copied: {command}")

    def _export(self) -> None:
        assert self._started is not None
        suggested = f"{self._started.config.name}.yaml"
        path, _ = QFileDialog.getSaveFileName(self, "Export settings", suggested, "Settings (*.yaml)")
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the settings of the run as a file for ``napari-sr train``."""
        if self._started is None:
            return
        try:
            self._started.config.write(path)
        except OSError as error:
            self.say(f"{path} could not be written ({error.strerror}).", ERROR_STYLE)
            return
        self.say(f"Settings saved. Repeat the run with: napari-sr train {path} -o FOLDER")

    def _open_report(self) -> None:
        if self._report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report)))

    # -- the end ----------------------------------------------------------------------------------

    def _is_training(self) -> bool:
        job = self._job
        return self._ready and job is not None and job.running and not job.cancelled

    def _agreed(self) -> bool:
        """Ask whether a run may be stopped because the window closes."""
        answer = QMessageBox.question(
            self, "A training is running",
            "Stop the training and close? What was learnt is kept: you can resume it later.",
        )  # fmt: skip
        return bool(answer == QMessageBox.StandardButton.Yes)

    def shut_down(self) -> None:
        """Stop everything; a run can be resumed."""
        self._rest.stop()
        self.before_after.shut_down()
        if self._guard is not None:
            self.viewer.window._qt_window.removeEventFilter(self._guard)
            self._guard = None
        super().shut_down()
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._on_new_model)
