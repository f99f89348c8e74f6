"""Choosing a model: the list, files that were opened, what is recommended, and what was chosen by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from napari_sr.widgets.base.remembered import remember, remembered
from napari_sr.widgets.controls.adding import FILES, OPENED, SHIPPED, YOURS, Adding, Work
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
        self._added, self._said = "", ""
        self.adding = Adding(dock, names=self._names, start=self._start_adding, said=self._was_added)

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
            if self._added and self.choose(self._added):
                self._added = ""
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
        path, _ = QFileDialog.getOpenFileName(self.dock, "Open model file", "", FILES)
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Add the model in a file to the list and choose it; says what is wrong with the file otherwise.

        One of ours is used where it is; of another program, it is written as one of ours into the user's folder, as
        *Models* does. What is under way comes first.
        """
        if self._later(lambda: self.open(path)):
            return

        def add(card: ModelCard | None) -> None:
            if card is None:
                self._later(lambda: self.adding.add(path))
                return
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

    def _later(self, act: Callable[[], None]) -> bool:
        """Do something once nothing is under way; returns False if nothing is, and nothing was done."""
        if not self.dock.running:
            return False

        def again() -> None:
            if isalive(self.dock) and not self._later(act):
                act()

        QTimer.singleShot(WAIT, again)
        return True

    # -- models of other programs -----------------------------------------------------------------

    def _names(self) -> dict[str, str]:
        """Return the names that a new model cannot have, and whose they are."""
        cards = self.form.model_box.cards()
        if not cards:  # not listed yet: the answer comes from where it is added
            return {}
        from napari_sr.models.fit import interpolates
        from napari_sr.models.store import shipped_names

        shipped = shipped_names() | {card.name for card in cards if interpolates(card)}
        whose = {card.name: SHIPPED if card.name in shipped else YOURS for card in cards}
        return whose | dict.fromkeys(self._paths, OPENED)

    def _start_adding(self, meanwhile: str, work: Work, show: Callable[[Any], None]) -> None:
        self._said = ""
        self.dock.say_meanwhile(meanwhile)
        self.dock.start(work, show, patient=True, cancelled=lambda: self._said or "Cancelled. Nothing was added.")

    def _was_added(self, name: str, sentence: str) -> None:
        """A model was added: choose it once it is listed."""
        self._added, self._said = name, sentence
        self.dock.say(sentence)


def told_by(card: ModelCard | None) -> tuple[Condition, ...]:
    """Return what a model can be told of an image."""
    from napari_sr.networks import NETWORKS

    return NETWORKS[card.network].conditions if card is not None and card.network in NETWORKS else ()
