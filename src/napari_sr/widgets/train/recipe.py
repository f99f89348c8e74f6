"""The second step of *Train*: how, from which model, how long, and under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QSignalBlocker, Signal

from napari_sr.widgets.train.form import TrainForm
from napari_sr.widgets.train.images import ImageChoice
from napari_sr.widgets.train.lists import Found

if TYPE_CHECKING:
    from napari_sr.images.stack import Stack
    from napari_sr.models.model import ModelCard
    from napari_sr.training.request import TrainRequest
    from napari_sr.widgets.train.advanced import Advanced

#: that a model card takes over from the model that was gone on from
INHERITED = ("kind", "licence", "attribution", "citation")


class RecipeChoice(QObject):
    """Method, start, length and settings that were chosen in a form. ``changed`` is emitted when one is another.

    Parameters
    ----------
    form
        The form.
    images
        That were chosen in it.
    """

    changed = Signal()

    def __init__(self, form: TrainForm, images: ImageChoice) -> None:
        super().__init__(form)
        self.form, self.images = form, images
        self.found = Found()
        #: the fields of *Advanced*, once recipes are listed
        self.advanced: Advanced | None = None
        self._per_step: float | None = None
        self._recipe_patch = 0
        #: how low resolution was made before a recipe chose that
        self._own_preset = ""
        form.recipe_box.currentIndexChanged.connect(self._on_recipe)
        form.length_box.currentIndexChanged.connect(self._on_recipe)
        form.start_box.currentIndexChanged.connect(self._on_start)

    # -- lists ------------------------------------------------------------------------------------

    def fill(self) -> None:
        """List what does not change: degradations, recipes and lengths."""
        from napari_sr.training.recipes import DEFAULT_RECIPE, LENGTHS, RECIPES, grouped_recipes
        from napari_sr.widgets.train.advanced import Advanced

        form = self.form
        with QSignalBlocker(form.preset_box), QSignalBlocker(form.recipe_box), QSignalBlocker(form.length_box):
            form.preset_box.fill(str(RECIPES[DEFAULT_RECIPE].get("degradation", "em")))
            for title, names in grouped_recipes():
                form.recipe_box.add_heading(title)
                for name in names:
                    form.recipe_box.addItem(f"   {RECIPES.entry(name).title}", name)
            form.recipe_box.setCurrentIndex(form.recipe_box.findData(DEFAULT_RECIPE))
            for name, (title, _) in LENGTHS.items():
                form.length_box.addItem(title, name)
        self.advanced = Advanced()
        self.advanced.changed.connect(self.changed)
        form.advanced.addWidget(self.advanced)
        self._on_recipe()

    def take(self, found: Found) -> None:
        """List the models that can be gone on from; the chosen one stays."""
        self.found = found
        box, chosen = self.form.start_box, self.form.start_box.currentText()
        last = dict(found.last)
        with QSignalBlocker(box):
            box.clear()
            box.addItem("scratch", None)
            for card in found.cards:
                box.addItem(card.name, (card, card.name))
                if card.name in last:
                    box.addItem(f"{card.name} (its last step)", (card, str(last[card.name])))
            box.setCurrentIndex(max(0, box.findText(chosen)))
        name = self.form.name_edit.text().strip()
        if not name:
            self.form.name_edit.setText(found.free_name("my-model"))
        elif found.free_name(name) != name:
            self.form.name_edit.setText(found.free_name(name.rstrip("0123456789").rstrip("-") or name))

    # -- what was chosen --------------------------------------------------------------------------

    def start(self) -> tuple[ModelCard | None, str]:
        """Return the card and the name or path of the model to go on from; (None, "") for none."""
        data = self.form.start_box.currentData()
        return (None, "") if data is None else data

    def request(self, hr: Stack | str, lr: Stack | str | None) -> TrainRequest:
        """Return the training that was chosen, for given images."""
        from napari_sr.training.request import TrainRequest

        form, (card, start) = self.form, self.start()
        name = form.name_edit.text().strip()
        entries: dict[str, Any] = {"kind": "own", "title": name}
        if card is not None:
            entries |= {entry: getattr(card, entry) for entry in INHERITED}
        entries |= self.images.card_entries(form.scale_box.value())
        return TrainRequest(
            name=name, hr=hr, lr=lr, recipe=str(form.recipe_box.currentData()), start_from=start,
            scale=form.scale_box.value(), degradation=form.preset_box.text(),
            changes={**self.changes(), "card": entries},
        )  # fmt: skip

    def changes(self) -> dict[str, Any]:
        """Return what differs from the recipe."""
        own = self.advanced.changes() if self.advanced is not None else {}
        return {**self._length(), **own}

    def fit_length(self, per_step: float) -> None:
        """Take note of what a step takes here, and choose the steps for it if the length is a time."""
        self._per_step = per_step
        if self.advanced is not None and self.form.length_box.currentData() == "fitting":
            for name, value in self._length().items():
                self.advanced.set_default(name, value)

    def fit_patch(self) -> None:
        """Take smaller patches for small images, unless the user has chosen their size."""
        from napari_sr.training.data.split import fitting_patch

        if self.advanced is None:
            return
        default, shape = self._recipe_patch, self.images.plane_shape()
        fitted = default
        if shape is not None:
            scale, share = self.form.scale_box.value(), self.advanced["validation_share"].value
            fitted = fitting_patch(shape, self.images.count, scale=scale, patch=default, share=share)
        note = f"The recipe has {default}; the images are too small for that." if fitted != default else ""
        self.advanced.set_default("lr_patch", fitted, note)
        self.advanced.show_images(self.images.count)

    def _length(self) -> dict[str, int]:
        from napari_sr.training.recipes import length_changes

        recipe, length = str(self.form.recipe_box.currentData()), str(self.form.length_box.currentData())
        return length_changes(recipe, length, per_step=self._per_step)

    # -- how one choice brings another ------------------------------------------------------------

    def _on_recipe(self) -> None:
        """A recipe or a length was chosen: show its settings under *Advanced*."""
        from napari_sr.training import Source, recipe_config
        from napari_sr.training.recipes import length_title

        if self.advanced is None:
            return
        if self.sender() is self.form.recipe_box:
            self._per_step = None  # of another one
            self._bring_images()
        defaults = recipe_config(
            str(self.form.recipe_box.currentData()), name="x", train=(Source("x"),), **self._length()
        )
        self._recipe_patch = defaults.lr_patch
        lengths, recipe = self.form.length_box, str(self.form.recipe_box.currentData())
        lengths.setItemText(lengths.findData("thorough"), length_title(recipe, "thorough"))
        by_length = ("steps", "validate_every") if self.sender() is self.form.length_box else ()
        self.advanced.show_recipe(defaults, fixed=self.start()[0] is not None, forget=by_length)
        self.fit_patch()
        self.changed.emit()

    def _bring_images(self) -> None:
        """Choose the scale and how low resolution is made as a recipe has them; else go back to what the user chose."""
        from napari_sr.training.recipes import RECIPES

        if self.start()[0] is not None:  # which has brought its own
            return
        form, recipe = self.form, RECIPES[str(self.form.recipe_box.currentData())]
        if "degradation" in recipe:
            self._own_preset = self._own_preset or form.preset_box.text()
            form.preset_box.choose(str(recipe["degradation"]))
        elif self._own_preset:
            form.preset_box.choose(self._own_preset)
            self._own_preset = ""
        if "scale" in recipe:
            form.scale_box.setValue(int(recipe["scale"]))

    def _on_start(self) -> None:
        """A model to go on from was chosen: it brings its scale, its degradation and its network."""
        from napari_sr.training.recipes import RECIPES, recipe_for

        card, _ = self.start()
        if card is not None:
            self.form.scale_box.setValue(card.scale)
            self.form.preset_box.choose(card.degradation)
            if RECIPES[str(self.form.recipe_box.currentData())]["network"] != card.network:
                self.form.recipe_box.setCurrentIndex(self.form.recipe_box.findData(recipe_for(card.network)))
            if self.form.name_edit.text().startswith("my-"):
                self.form.name_edit.setText(self.found.free_name(f"my-{card.name}"))
        self._on_recipe()
