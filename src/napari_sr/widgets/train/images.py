"""The first step of *Train*: which images, and how their low-resolution ones come about."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sr.errors import SRError
from napari_sr.images.stack import Stack
from napari_sr.paths import exists, is_folder
from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.layers.snapshot import METADATA_KEY, NANOMETRES, snapshot
from napari_sr.widgets.train.form import TrainForm


class ImageChoice(QObject):
    """The images that were chosen in a form. ``changed`` is emitted when they, or their degradation, are others."""

    changed = Signal()

    def __init__(self, form: TrainForm) -> None:
        super().__init__(form)
        self.form = form
        #: planes of a layer, or files of a folder as far as they were counted
        self.count = 1
        self._counting = Latest(self, self._counted, lambda message: None)
        for box in (form.hr_box, form.lr_box):
            box.layer_changed.connect(self.look)
        form.hr_path.changed.connect(self._on_hr_path)
        form.lr_path.changed.connect(self.changed)
        form.where_box.currentIndexChanged.connect(self.look)
        form.preset_box.changed.connect(self.changed)
        form.scale_box.valueChanged.connect(self.changed)

    @property
    def on_layers(self) -> bool:
        """True for layers, False for files and folders."""
        return self.form.where_box.currentIndex() == 0

    @property
    def layer(self) -> Any:
        """The layer that is trained on; None for files."""
        return self.form.hr_box.layer() if self.on_layers else None

    def chosen(self) -> bool:
        """Return True if there is something to train on."""
        return (self.form.hr_box.layer() if self.on_layers else self.form.hr_path.path()) is not None

    def has_lr(self) -> bool:
        """Return True if low-resolution images were measured."""
        return (self.form.lr_box.layer() if self.on_layers else self.form.lr_path.path()) is not None

    def sources(self) -> tuple[Stack | str, Stack | str | None]:
        """Return the chosen images; raises :class:`SRError` if they cannot be trained on."""
        if not self.on_layers:
            hr_path, lr_path = self.form.hr_path.path(), self.form.lr_path.path()
            for path in (hr_path, lr_path):
                if path is not None and not exists(path):
                    raise SRError(f"There is no file or folder {path}.")
            return str(hr_path), None if lr_path is None else str(lr_path)
        hr, lr = (_stack(box.layer()) for box in (self.form.hr_box, self.form.lr_box))
        assert hr is not None
        return hr, lr

    def plane_shape(self) -> tuple[int, int] | None:
        """Return (rows, columns) of the chosen layer; None if there is none, or it has colours."""
        layer = self.layer
        if layer is None or layer.rgb:
            return None
        rows, columns = (layer.data[0] if layer.multiscale else layer.data).shape[-2:]
        return int(rows), int(columns)

    def card_entries(self, scale: int) -> dict[str, Any]:
        """Return what the images say of a model that is trained on them: their kind, and the size of its pixels."""
        if self.layer is None:
            return {}
        source = snapshot(self.layer)
        entries: dict[str, Any] = {"kind": source.kind} if source.kind else {}
        if source.unit in NANOMETRES:
            entries |= {"pixel_size": [source.pixel_size * NANOMETRES[source.unit] * scale], "pixel_unit": "nm"}
        return entries

    def show_patch(self) -> None:
        """Show a patch before and after its degradation, if low-resolution images are made."""
        form, path = self.form, self.form.hr_path.path()
        there = self.plane_shape() is not None if self.on_layers else path is not None and path.exists()
        visible = there and not self.has_lr()
        form.before_after.setVisible(visible)
        if visible and self.on_layers:
            form.before_after.show_layer(self.layer, form.preset_box.text(), form.scale_box.value())
        elif visible and path is not None:
            form.before_after.show_file(path, form.preset_box.text(), form.scale_box.value())

    def look(self) -> None:
        """Take note of the images that are chosen now, and of what follows from them."""
        hr, lr = self.form.hr_box.layer(), self.form.lr_box.layer()
        if self.on_layers and hr is not None:
            shape = (hr.data[0] if hr.multiscale else hr.data).shape
            self.count = math.prod(shape[: -3 if hr.rgb else -2])
            if self.sender() is self.form.hr_box and hr.metadata.get(METADATA_KEY, {}).get("kind") == "N-body":
                self.form.preset_box.choose("any-density" if self._is_told() else "nbody")
            if lr is not None and not (hr.rgb or lr.rgb):
                self.form.scale_box.setValue(max(2, min(8, round(hr.data.shape[-1] / lr.data.shape[-1]))))
        elif not self.on_layers:
            self._count_files()
        self.changed.emit()

    def _is_told(self) -> bool:
        """Return True if the chosen recipe trains a network that is told what its images suffered from."""
        from napari_sr.networks import NETWORKS
        from napari_sr.training.recipes import RECIPES

        recipe = self.form.recipe_box.currentData()
        return recipe in RECIPES and bool(NETWORKS[RECIPES[recipe]["network"]].conditions)

    def _on_hr_path(self) -> None:
        """A path was chosen or typed: of a zarr store of pairs, both images are meant."""
        from napari_sr.images.readers.zarr_folder import pair_in

        path = self.form.hr_path.path()
        pair = None if path is None else pair_in(path)
        if pair is not None:
            for edit, image in zip((self.form.lr_path, self.form.hr_path), pair, strict=True):
                edit.edit.setText(str(image))
        self._count_files()
        self.changed.emit()

    def _count_files(self) -> None:
        from napari_sr.images.listing import image_files

        path = self.form.hr_path.path()
        self.count = 1
        if path is not None and is_folder(path):
            self._counting.ask(lambda: len(image_files(path)))

    def _counted(self, count: int) -> None:
        self.count = max(1, count)
        self.changed.emit()


def _stack(layer: Any) -> Stack | None:
    if layer is None:
        return None
    source = snapshot(layer)
    if source.rgb:
        raise SRError(f"{source.name} is a colour image; training needs single-channel images.")
    return Stack(source.data, source.axes, name=source.name)
