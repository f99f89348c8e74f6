"""What can be chosen in the dock widget *Train*, and what the choices bring with them."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr.errors import SRError
from napari_sr.images.stack import Stack
from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.layers.snapshot import METADATA_KEY, NANOMETRES, snapshot
from napari_sr.widgets.train.form import TrainForm
from napari_sr.widgets.train.length import RunLength

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard
    from napari_sr.training import TrainConfig
    from napari_sr.training.request import TrainRequest
    from napari_sr.training.runs.folders import EarlierRun
    from napari_sr.training.runs.undecided import Undecided


@dataclass(frozen=True)
class Found:
    """What there is to choose from."""

    cards: tuple[ModelCard, ...]
    runs: tuple[EarlierRun, ...]
    undecided: tuple[Undecided, ...]
    names: tuple[str, ...]


def find() -> Found:
    """Look which models, stopped runs, and finished ones with an open question there are."""
    from napari_sr.models.store import list_models, model_paths
    from napari_sr.networks import NETWORKS
    from napari_sr.training.runs.folders import unfinished_runs
    from napari_sr.training.runs.undecided import undecided_runs

    cards = tuple(c for c in list_models(interpolations=False) if not NETWORKS[c.network].linear)
    return Found(cards, tuple(unfinished_runs()), tuple(undecided_runs()), tuple(model_paths()))


class TrainChoices(Dock):
    """The lists of *Train*, and how they depend on each other."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, title="Train", help_page="docs/training.md")
        self.form = TrainForm(self.viewer)
        self.lay_out(self.form)
        self._ready = False
        #: the fields of *Advanced*
        self.settings: Any = None
        self._fitted_patch = 0
        self._curves: Any = None
        self._names: tuple[str, ...] = ()
        self.run_length = RunLength(self.form.estimate, config=self._config_now, start_job=self.start_side_job)
        for box in (self.form.hr_box, self.form.lr_box):
            box.layer_changed.connect(self._on_images)
        self.form.hr_path.changed.connect(self._on_hr_path)
        self.form.lr_path.changed.connect(self._on_images)
        self.form.where_box.currentIndexChanged.connect(self._on_images)
        self.form.preset_box.changed.connect(self._on_images)
        self.form.scale_box.valueChanged.connect(self._on_images)
        self.form.recipe_box.currentIndexChanged.connect(self._on_recipe)
        self.form.length_box.currentIndexChanged.connect(self._on_recipe)
        self.form.start_box.currentIndexChanged.connect(self._on_start)
        self.form.name_edit.textChanged.connect(self.refresh)
        self.form.resume_box.currentIndexChanged.connect(self.refresh)

    # -- start-up ---------------------------------------------------------------------------------

    def _load(self) -> None:
        """Find models, recipes and stopped runs in the background: importing Lightning takes seconds."""
        self.refresh()

        def look() -> Generator[Found, None, None]:
            import matplotlib.backends.backend_agg  # noqa: F401 - imported here, where nobody waits for it

            import napari_sr.training.session
            import napari_sr.training.timing  # noqa: F401

            yield find()

        def found(what: Found) -> None:
            if not self._ready:
                self._fill()
            self._names = what.names
            self._list_models(what.cards)
            self._list_runs(what.runs, what.undecided)
            self._ready = True
            if not self.form.name_edit.text():
                self.form.name_edit.setText(self._free_name("my-model"))
            self._on_images()
            self._on_recipe()

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.say(how.message, ERROR)

        self.start_job(look, found, end)

    def _fill(self) -> None:
        """Fill the lists that do not change, and make room for the curves."""
        from napari_sr.training.recipes import LENGTHS, RECIPES
        from napari_sr.widgets.train.curve_view import CurveView

        for box in (self.form.preset_box, self.form.recipe_box, self.form.length_box):
            box.blockSignals(True)
        self.form.preset_box.fill("microscope")
        for name in RECIPES:
            self.form.recipe_box.addItem(RECIPES.entry(name).title, name)
        self.form.recipe_box.setCurrentIndex(self.form.recipe_box.findData("adaptive"))
        for name, (title, _) in LENGTHS.items():
            self.form.length_box.addItem(title, name)
        for box in (self.form.preset_box, self.form.recipe_box, self.form.length_box):
            box.blockSignals(False)
        self._curves = CurveView()
        self._curves.hide()
        self.form.curve_place.addWidget(self._curves)

    def _list_models(self, cards: tuple[ModelCard, ...]) -> None:
        chosen = self.form.start_box.currentText()
        self.form.start_box.blockSignals(True)
        self.form.start_box.clear()
        self.form.start_box.addItem("scratch", None)
        for card in cards:
            self.form.start_box.addItem(card.name, card)
            last = self._last_of(card.name)
            if last is not None:
                self.form.start_box.addItem(f"{card.name} (its last step)", (card, last))
        self.form.start_box.setCurrentIndex(max(0, self.form.start_box.findText(chosen)))
        self.form.start_box.blockSignals(False)

    @staticmethod
    def _last_of(name: str) -> Path | None:
        """Return the model with the last weights of the run that made ``name``, if it is still there."""
        from napari_sr.training.runs.folders import runs_folder

        path = runs_folder() / name / f"{name}-last.safetensors"
        return path if path.exists() else None

    def _list_runs(self, runs: tuple[EarlierRun, ...], undecided: tuple[Undecided, ...]) -> None:
        self.form.resume_box.clear()
        for run in runs:
            self.form.resume_box.addItem(f"{run.config.name}, stopped at step {run.step} of {run.config.steps}", run)
        for finished in undecided:
            self.form.resume_box.addItem(f"{finished.path.stem}, finished: keep or discard?", finished)
        self.refresh()

    def _free_name(self, wanted: str) -> str:
        from napari_sr.training.runs.folders import runs_folder

        number = 1
        name = wanted
        while name in self._names or (runs_folder() / name).exists():
            number += 1
            name = f"{wanted}-{number}"
        return name

    # -- what the controls show -------------------------------------------------------------------

    @property
    def _on_layers(self) -> bool:
        return self.form.where_box.currentIndex() == 0

    def _has_lr(self) -> bool:
        return (self.form.lr_box.layer() if self._on_layers else self.form.lr_path.path()) is not None

    def _start_card(self) -> ModelCard | None:
        data = self.form.start_box.currentData()
        return data[0] if isinstance(data, tuple) else data

    def _on_images(self) -> None:
        """The images or their degradation were chosen."""
        if not self._ready:
            return
        hr, lr = self.form.hr_box.layer(), self.form.lr_box.layer()
        if self._on_layers and hr is not None:
            if self.sender() is self.form.hr_box and hr.metadata.get(METADATA_KEY, {}).get("kind") == "N-body":
                self.form.preset_box.choose(
                    "any-density" if self.form.recipe_box.currentData() == "adaptive" else "nbody"
                )
            if lr is not None:
                self.form.scale_box.setValue(max(2, min(8, round(hr.data.shape[-1] / lr.data.shape[-1]))))
        self._show_patch()
        self._fit_patch()
        self.refresh()
        self.run_length.ask()

    def _fit_patch(self) -> None:
        """Take smaller patches for small images, unless the user has chosen their size."""
        from napari_sr.training.data.split import fitting_patch
        from napari_sr.widgets.train.settings import TIPS

        if self.settings is None:
            return
        field, default = self.settings["lr_patch"], self.settings.config.lr_patch
        if field.value not in (default, self._fitted_patch):
            return
        layer, fitted = self.form.hr_box.layer() if self._on_layers else None, default
        if layer is not None and not layer.rgb:
            *before, height, width = (layer.data[0] if layer.multiscale else layer.data).shape
            fitted = fitting_patch((height, width), math.prod(before), scale=self.form.scale_box.value(), patch=default)
        self._fitted_patch = fitted
        field.value = fitted
        field.tooltip = (
            TIPS["lr_patch"] if fitted == default else f"The recipe has {default}; the images are too small for that."
        )

    def _show_patch(self) -> None:
        layer, path = self.form.hr_box.layer(), self.form.hr_path.path()
        chosen = (layer is not None and not layer.rgb) if self._on_layers else (path is not None and path.exists())
        visible = chosen and not self._has_lr()
        self.form.before_after.setVisible(visible)
        if visible and self._on_layers and layer is not None:
            self.form.before_after.show_layer(layer, self.form.preset_box.text(), self.form.scale_box.value())
        elif visible and path is not None:
            self.form.before_after.show_file(path, self.form.preset_box.text(), self.form.scale_box.value())

    def _on_start(self) -> None:
        """A model to go on from was chosen: it brings its scale, its degradation and its network."""
        card = self._start_card()
        if card is not None:
            self.form.scale_box.setValue(card.scale)
            self.form.preset_box.choose(card.degradation)
            self._take_recipe_of(card.network)
            if self.form.name_edit.text().startswith("my-"):
                self.form.name_edit.setText(self._free_name(f"my-{card.name}"))
        self.refresh()
        self.run_length.ask()

    def _take_recipe_of(self, network: str) -> None:
        """Choose a recipe for a network, a faithful one, unless the chosen one is."""
        from napari_sr.training.recipes import RECIPES

        chosen = self.form.recipe_box.currentData()
        if chosen is None or RECIPES[chosen]["network"] == network:
            return
        fitting = [n for n in RECIPES if RECIPES[n]["network"] == network and "adversarial" not in RECIPES[n]]
        if fitting:
            self.form.recipe_box.setCurrentIndex(self.form.recipe_box.findData(fitting[0]))

    def _on_recipe(self) -> None:
        """A recipe or a length was chosen: show its settings under *Advanced*."""
        if not self._ready:
            return
        from napari_sr.training import Source, recipe_config
        from napari_sr.training.recipes import length_changes
        from napari_sr.widgets.train.settings import ConfigForm

        recipe = str(self.form.recipe_box.currentData())
        defaults = recipe_config(
            recipe, name="x", train=(Source("x"),), **length_changes(recipe, str(self.form.length_box.currentData()))
        )
        kept: dict[str, Any] = {}
        if self.settings is not None:  # what the user has set stays, but for what a length says
            by_length = ("steps", "validate_every") if self.sender() is self.form.length_box else ()
            kept = {n: v for n, v in self.settings.touched().items() if n not in by_length}
            if kept.get("lr_patch") == self._fitted_patch:
                del kept["lr_patch"]
            self.form.advanced.removeWidget(self.settings.native)
            self.settings.native.deleteLater()
        self.settings = ConfigForm(defaults)
        self._fitted_patch = defaults.lr_patch
        self.settings.keep(kept)
        self._fit_patch()
        self.settings.changed.connect(self.run_length.ask)
        self.form.advanced.addWidget(self.settings.native)
        self.form.updateGeometry()
        self.refresh()
        self.run_length.ask()

    def say(self, text: str, tone: str = "") -> None:
        """Say what came out, or how far it is."""
        self.form.status.say(text, tone)

    def _on_hr_path(self) -> None:
        """A path was chosen or typed: of a zarr store of pairs, both images are meant."""
        from napari_sr.images.readers.zarr_folder import pair_in

        path = self.form.hr_path.path()
        pair = None if path is None else pair_in(path)
        if pair is not None:
            for edit, image in zip((self.form.lr_path, self.form.hr_path), pair, strict=True):
                edit.edit.setText(str(image))
        self._on_images()

    def images_chosen(self) -> bool:
        """Return True if there is something to train on."""
        return (self.form.hr_box.layer() if self._on_layers else self.form.hr_path.path()) is not None

    def _changes(self) -> dict[str, Any]:
        from napari_sr.training.recipes import length_changes

        recipe = str(self.form.recipe_box.currentData())
        chosen = self.settings.changes() if self.settings is not None else {}
        return {**length_changes(recipe, str(self.form.length_box.currentData())), **chosen}

    def _config_now(self) -> TrainConfig | None:
        """Return the settings as they are, with any image; None while nothing may be measured."""
        if not self._ready or self._job is not None:
            return None
        from napari_sr.training.request import make_config

        return make_config(self._request("image", None), "image", "")

    def _request(self, hr: Stack | str, lr: Stack | str | None) -> TrainRequest:
        from napari_sr.training.request import TrainRequest

        start = self.form.start_box.currentData()
        card = self._start_card()
        return TrainRequest(
            recipe=str(self.form.recipe_box.currentData()), name=self.form.name_edit.text().strip(),
            start_from="" if card is None else str(start[1]) if isinstance(start, tuple) else card.name,
            scale=self.form.scale_box.value(), degradation="" if lr is not None else self.form.preset_box.text(),
            hr=hr, lr=lr, changes={**self._changes(), "card": self._card_entries(card)},
        )  # fmt: skip

    def _card_entries(self, start: ModelCard | None) -> dict[str, Any]:
        """Return what the card shall say and training cannot know."""
        entries: dict[str, Any] = {"kind": "own", "title": self.form.name_edit.text().strip()}
        if start is not None:
            entries |= {"kind": start.kind, "licence": start.licence, "attribution": start.attribution,
                        "citation": start.citation}  # fmt: skip
        layer = self.form.hr_box.layer() if self._on_layers else None
        if layer is not None:
            source = snapshot(layer)
            entries["kind"] = source.kind or entries["kind"]
            if source.unit in NANOMETRES:
                size = source.pixel_size * NANOMETRES[source.unit] * self.form.scale_box.value()
                entries |= {"pixel_size": [size], "pixel_unit": "nm"}
        return entries

    def _sources(self) -> tuple[Stack | str, Stack | str | None]:
        """Return the chosen images; raises :class:`SRError` if they cannot be trained on."""
        if not self._on_layers:
            hr_path, lr_path = self.form.hr_path.path(), self.form.lr_path.path()
            for path in (hr_path, lr_path):
                if path is not None and not path.exists():
                    raise SRError(f"There is no file or folder {path}.")
            return str(hr_path), None if lr_path is None else str(lr_path)
        stacks: list[Stack | None] = []
        for layer in (self.form.hr_box.layer(), self.form.lr_box.layer()):
            if layer is None:
                stacks.append(None)
                continue
            source = snapshot(layer)
            if source.rgb:
                raise SRError(f"{source.name} is a colour image; training needs single-channel images.")
            stacks.append(Stack(source.data, source.axes, name=source.name))
        assert stacks[0] is not None
        return stacks[0], stacks[1]

    def _relist(self) -> None:
        """Look again which models and stopped runs there are."""

        def look() -> Generator[Found, None, None]:
            yield find()

        def found(what: Found) -> None:
            self._names = what.names
            self._list_models(what.cards)
            self._list_runs(what.runs, what.undecided)
            name = self.form.name_edit.text().strip()
            if name and self._free_name(name) != name:
                self.form.name_edit.setText(self._free_name(name.rstrip("0123456789").rstrip("-") or name))
            self.refresh()

        self.start_side_job(look, found)

    def _on_new_model(self, name: str) -> None:
        if self._job is None:
            self._relist()
