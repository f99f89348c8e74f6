"""What *Super-resolve* shows, as it follows from what was chosen. Nothing here knows Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sr.widgets.base.duration import duration

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard

NO_IMAGE = "Open an image, or File ▸ Open Sample ▸ Super-resolution."
LABELS = (
    "{} is a Labels layer: its numbers name objects, so there is nothing to super-resolve in it. If it is a picture "
    "after all, right-click it in the list ▸ Convert to Image."
)
#: what is run on
WHOLE, VIEW, RECTANGLE = "whole image", "what is in view", "a drawn rectangle"
AROUND = "as I look around"
#: output megapixels below which nobody waits
SMALL = 1.0


@dataclass(frozen=True)
class Choices:
    """What was chosen, and what is going on.

    Attributes
    ----------
    image
        Name of the image's layer; empty without one.
    megapixels
        Of the image.
    selected_labels
        Name of a Labels layer that is selected; empty if none is.
    card
        Of the model.
    partners
        How many models can be mixed with it.
    running, stopping
        A job is under way, and was asked to stop.
    can_undo
        There is a run to undo.
    result
        The result of the last run is in the viewer; ``maps``: and has maps.
    rate
        Output megapixels a second that the model was seen to reach here; None if it was not seen.
    loading
        Models are not listed yet.
    around
        It is to be super-resolved where it is looked at; ``lazy``: and so is the result that there is.
    """

    image: str = ""
    megapixels: float = 0.0
    selected_labels: str = ""
    card: ModelCard | None = None
    partners: int = 0
    running: bool = False
    stopping: bool = False
    result: bool = False
    maps: bool = False
    rate: float | None = None
    loading: bool = False
    around: bool = False
    lazy: bool = False


@dataclass(frozen=True)
class State:
    """What can be pressed, and what is said."""

    can_run: bool
    can_cancel: bool
    can_open: bool
    can_show_card: bool
    can_run_folder: bool
    shows_mix: bool
    shows_result: bool
    shows_maps: bool
    shows_write: bool
    hint: str
    expected: str


def resolve(choices: Choices) -> State:
    """Return what follows from the choices."""
    ready = bool(choices.image) and choices.card is not None and not choices.running
    return State(
        can_run=ready,
        can_cancel=choices.running and not choices.stopping,
        can_open=not choices.running,
        can_show_card=choices.card is not None,
        can_run_folder=choices.card is not None and not choices.running,
        shows_mix=choices.partners > 0,
        shows_result=choices.result and not choices.running,
        shows_maps=choices.maps,
        shows_write=choices.lazy and choices.result and not choices.running,
        hint=_hint(choices),
        expected=_expected(choices) if ready else "",
    )


def _hint(choices: Choices) -> str:
    if choices.selected_labels:
        return LABELS.format(choices.selected_labels)
    if choices.loading:
        return "Loading the list of models …"
    return "" if choices.image else NO_IMAGE


def _expected(choices: Choices) -> str:
    """Say how long a run on the whole image will take, or that it need not be waited for."""
    assert choices.card is not None
    if choices.around:
        return "Starts at once."
    out = choices.megapixels * choices.card.scale**2
    if choices.rate is None:
        return "" if out > SMALL else "Takes a moment."
    seconds = out / choices.rate
    return "Takes a moment." if seconds < 2 else f"Takes about {duration(seconds)} here."
