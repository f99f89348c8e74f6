"""The form of those settings of a training that most people never change."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from magicgui.widgets import create_widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from napari_sr.training.config import TrainConfig
from napari_sr.training.recipes import DENSITY, recipe_config
from napari_sr.widgets.train.fields import STRUCTURE, Field, changes, fields_of

#: what images are scaled by at first, if it is not what is measured in them
LIMITS: Mapping[str, Mapping[str, Any]] = {"fixed": {"low": 0.0, "high": 255.0}, "log": DENSITY}


class Advanced(QWidget):
    """The fields of a recipe, in groups. ``changed`` is emitted when one of them is.

    Steps and epochs are two ways to say the same: a change of one changes the other.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._content = QWidget()
        layout.addWidget(self._content)
        self._widgets: dict[str, Any] = {}
        #: with what is shown unless the user sets something else; and with what the recipe has
        self._fields: list[Field] = []
        self._recipe_fields: list[Field] = []
        self._config: TrainConfig | None = None
        self._fixed = False
        self._images = 1
        self._filling = False

    def __getitem__(self, path: str) -> Any:
        """Return the magicgui widget of a field."""
        return self._widgets[path]

    def __contains__(self, path: str) -> bool:
        return path in self._widgets

    # -- what it shows ----------------------------------------------------------------------------

    def show_recipe(self, config: TrainConfig, *, fixed: bool = False, forget: tuple[str, ...] = ()) -> None:
        """Show the settings of a recipe; what the user has set stays, as far as there are such fields.

        Parameters
        ----------
        config
            With the recipe's values.
        fixed
            Network and intensities are those of a model to go on from.
        forget
            Fields whose recipe's value counts all the same.
        """
        kept = {path: value for path, value in self.touched().items() if path not in (*forget, "epochs")}
        self._config, self._fixed = config, fixed
        self._fill(kept)

    def show_images(self, count: int) -> None:
        """Take note of how many images there are, which epochs depend on."""
        self._images = max(1, count)
        if self._widgets:
            self._show_epochs()

    def set_default(self, path: str, value: Any, tip: str = "") -> None:
        """Show another value as if it were the recipe's, unless the user has set one."""
        field = next(f for f in self._fields if f.path == path)
        touched = self._widgets[path].value != field.value
        self._fields[self._fields.index(field)] = Field(**{**vars(field), "value": value, "tip": tip or field.tip})
        self._widgets[path].tooltip = tip or field.tip
        if not touched:
            self._filling = True
            self._widgets[path].value = value
            self._filling = False
            self._show_epochs()

    def touched(self) -> dict[str, Any]:
        """Return the fields that show something else than the recipe."""
        return {f.path: self._widgets[f.path].value for f in self._fields if self._widgets[f.path].value != f.value}

    def changes(self) -> dict[str, Any]:
        """Return what differs from the recipe, as :func:`napari_sr.training.recipe_config` takes it."""
        return changes(self._recipe_fields, {path: widget.value for path, widget in self._widgets.items()})

    # -- how it is made ---------------------------------------------------------------------------

    def _fill(self, kept: Mapping[str, Any]) -> None:
        assert self._config is not None
        self._filling = True
        # the recipe's own, so that what is another network's or loss's counts as set by the user
        fields = fields_of(self._config, fixed=self._fixed)
        chosen = {path: value for path, value in kept.items() if path in STRUCTURE and _offers(fields, path, value)}
        if chosen:
            fields = fields_of(_with(self._config, fields, chosen), fixed=self._fixed)
            fields = [Field(**{**vars(f), "value": self._own(f)}) if f.path in chosen else f for f in fields]
        values = {**{f.path: f.value for f in fields}, **chosen}
        self._fields, self._recipe_fields = fields, list(fields)
        self._build()
        for path, value in {**values, **kept}.items():
            if path in self._widgets:
                # a choice that this recipe does not have stays the recipe's
                with suppress(ValueError):
                    self._widgets[path].value = value
        self._filling = False
        self._show_epochs()

    def _own(self, field: Field) -> Any:
        assert self._config is not None
        return next((f.value for f in fields_of(self._config, fixed=self._fixed) if f.path == field.path), field.value)

    def _build(self) -> None:
        layout = self.layout()
        assert layout is not None
        layout.removeWidget(self._content)
        self._content.deleteLater()
        self._content, self._widgets = QWidget(), {}
        inside = QVBoxLayout(self._content)
        inside.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()  # a single one, so that all fields begin in one column
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        inside.addLayout(form)
        group = ""
        for field in self._fields:
            if field.group != group:
                group = field.group
                form.addRow(QLabel(f"<b>{group}</b>"))
            widget = _widget(field)
            self._widgets[field.path] = widget
            title = QLabel(field.title)
            title.setToolTip(field.tip)
            form.addRow(title, widget.native)
            widget.changed.connect(lambda value, path=field.path: self._on_change(path))
        layout.addWidget(self._content)
        self.updateGeometry()

    def _on_change(self, path: str) -> None:
        if self._filling:
            return
        if path in STRUCTURE:
            self._fill({p: v for p, v in self.touched().items() if p != "epochs"})
        elif path in ("epochs", "patches"):
            each = self._images * self._widgets["patches"].value / self._widgets["batch_size"].value
            self._filling = True
            self._widgets["steps"].value = max(1, round(self._widgets["epochs"].value * each))
            self._filling = False
        elif path in ("steps", "batch_size"):
            self._show_epochs()
        self.changed.emit()

    def _show_epochs(self) -> None:
        seen = self._widgets["steps"].value * self._widgets["batch_size"].value
        self._filling = True
        self._widgets["epochs"].value = max(0.01, round(seen / (self._images * self._widgets["patches"].value), 2))
        self._filling = False


def _offers(fields: list[Field], path: str, value: Any) -> bool:
    field = next((f for f in fields if f.path == path), None)
    return field is not None and value in [name for name, _ in field.choices]


def _with(config: TrainConfig, fields: list[Field], chosen: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration with another network, loss, critic or kind of intensities, and their usual values."""
    values = {**{f.path: f.value for f in fields}, **chosen}
    values.setdefault("further_weight", 0.1)
    own = changes(fields, values)
    if "loss" in own:
        own["loss_options"] = {}
    if "intensity" in own:
        ends = {name: config.intensity[name] for name in ("lower", "upper") if name in config.intensity}
        own["intensity"] = {**ends, "kind": own["intensity"]["kind"], **LIMITS.get(own["intensity"]["kind"], {})}
    given = {name: getattr(config, name) for name in ("steps", "validate_every", "scale", "degradation")}
    if own.get("extra_losses") and "extra_options" in own:
        own["extra_options"] = {}
    return recipe_config(config.recipe, name=config.name, train=config.train, **{**given, **own})


def _widget(field: Field) -> Any:
    options: dict[str, Any] = dict(field.bounds)
    if field.choices:
        options["choices"] = [(title, name) for name, title in field.choices]
    options["tooltip"] = field.tip
    widget = create_widget(value=field.value, annotation=type(field.value), name=field.path, label="", options=options)
    native = widget.native
    if isinstance(native, QCheckBox):
        native.setText("")
    elif isinstance(native, QComboBox):  # a long title must not widen the whole window
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        native.setMinimumContentsLength(10)
    elif isinstance(native, QLineEdit):
        native.setMinimumWidth(60)
    return widget
