"""Choosing a model: the list, files that were opened, what is recommended, and what was chosen by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_sr.widgets.base.remembered import remember, remembered
from napari_sr.widgets.controls.mix_row import load_mixed
from napari_sr.widgets.super_resolve.request import Available, iter_available, iter_models, iter_opened

if TYPE_CHECKING:
    from napari_sr.conditions import Condition
    from napari_sr.models.model import Model, ModelCard
    from napari_sr.widgets.super_resolve.dock import SuperResolve

#: where no trained model suits an image
NEUTRAL = "bicubic-x4"
#: opened model files that are listed again the next time
RECENT = 8
#: milliseconds after which a model is tried again that came while something else was under way
WAIT = 200
FILES = (".safetensors", ".pth", ".pt")


class ModelChoice:
    """What the dock knows of models.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: SuperResolve) -> None:
        self.dock, self.form = dock, dock.form
        self.by_hand, self.loading = False, True
        self._paths: dict[str, str] = {}

    def card(self) -> ModelCard | None:
        """Return the chosen model's card."""
        return self.form.model_box.card()

    def partners(self) -> list[ModelCard]:
        """Return the models that can be mixed with the chosen one."""
        card = self.card()
        if card is None:
            return []
        from napari_sr.models.blend import partners

        return partners(card, self.form.model_box.cards())

    def source(self, card: ModelCard) -> str:
        """Return what a model is loaded from: its name, or the path of its file."""
        return self._paths.get(card.name, card.name)

    def mix(self) -> tuple[str, float] | None:
        """Return the path or name of the model to mix in, and its share."""
        mix = self.form.mix_row.mix()
        return None if mix is None else (self._paths.get(mix[0], mix[0]), mix[1])

    def loader(self) -> tuple[Callable[[], Model], dict[str, Any]] | None:
        """Return what loads the chosen model in the background, and the settings; None if none is chosen."""
        card = self.card()
        if card is None:
            return None
        name, mix = self.source(card), self.mix()
        return lambda: load_mixed(name, mix), self.form.settings.settings()

    def load(self) -> None:
        """List models and devices in the background: importing torch takes seconds."""
        recent = tuple(remembered(self.dock.title).get("recent", ()))

        def found(available: Available) -> None:
            self.loading = False
            self._paths = dict(available.paths)
            self.form.model_box.set_cards(available.cards)
            self.form.settings.set_devices(available.devices)
            self.form.settings.set_values(remembered(self.dock.title).get("settings", {}))
            self.dock.measure()

        self.dock.start(lambda: iter_available(recent), found)

    def reload(self) -> None:
        """A model was added to the user's list: show it, whatever else is going on."""

        def found(available: Available) -> None:
            self._paths = dict(available.paths)  # an opened file may have been moved into the list
            self.form.model_box.set_cards(available.cards)
            self.dock.previews.forget()  # a model may have come in the place of one that is loaded
            self.dock.measure()

        self.dock.start_side_job(lambda: iter_models(self._paths), found)

    def choose(self, name: str) -> bool:
        """Choose a model as a person does, so that no recommendation takes its place; False if it is not listed."""
        self.by_hand = True
        return self.form.model_box.select(name)

    def take_recommended(self, name: str) -> None:
        """Choose what was recommended and clicked: the next image may get another one."""
        self.by_hand = False
        self.form.model_box.select(name)

    def recommend(self, names: tuple[str, ...], *, keep: bool) -> None:
        """List what is recommended first, and choose it unless a person chose, or the present one is to be kept."""
        self.form.model_box.set_cards(self.form.model_box.cards(), names)
        if not self.by_hand and not keep:
            self.form.model_box.select(names[0] if names else NEUTRAL)

    def ask_for_file(self) -> None:
        """Let a person choose a model file."""
        path, _ = QFileDialog.getOpenFileName(
            self.dock, "Open model file", "", "Models (*.safetensors *.pth *.pt);;All (*)"
        )
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Add the model in a file to the list and choose it; says what is wrong with the file otherwise.

        What is under way comes first.
        """
        if self.dock.running:
            QTimer.singleShot(WAIT, lambda: self.open(path) if isalive(self.dock) else None)
            return

        def add(card: ModelCard) -> None:
            self._paths[card.name] = str(path)
            others = [c for c in self.form.model_box.cards() if c.name != card.name]
            self.form.model_box.set_cards([card, *others])
            self.choose(card.name)
            self.dock.measure()
            self.dock.say(f"{card.name} was opened from {path.name}. It stays in the list.")
            before = remembered(self.dock.title).get("recent", ())
            recent = [str(path.resolve()), *(p for p in before if p != str(path.resolve()))]
            remember(self.dock.title, recent=recent[:RECENT])

        self.dock.say_meanwhile(f"Opening {path.name} …")
        self.dock.start(lambda: iter_opened(str(path)), add)


def dropped_model(event: QDropEvent | None) -> Path | None:
    """Return the model file that is dropped; None if it is something else."""
    data = None if event is None else event.mimeData()
    urls = [] if data is None else data.urls()
    files = [Path(url.toLocalFile()) for url in urls if url.toLocalFile().endswith(FILES)]
    return files[0] if files else None


def told_by(card: ModelCard | None) -> tuple[Condition, ...]:
    """Return what a model can be told of an image."""
    from napari_sr.networks import NETWORKS

    return NETWORKS[card.network].conditions if card is not None and card.network in NETWORKS else ()
