"""What *Compare* shows, as it follows from what was chosen. Nothing here knows Qt."""

from __future__ import annotations

from dataclasses import dataclass

NO_IMAGE = "Open a high-resolution image and at least one other image of the same place."
NO_TRUTH = (
    "There is no truth here to measure against: what a result was made from is none. Open a high-resolution image of "
    "the same place, or see Without a reference."
)


@dataclass(frozen=True)
class Choices:
    """What was chosen, and what is going on.

    Attributes
    ----------
    reference
        Name of the reference's layer; empty without one.
    candidates
        How many layers are ticked.
    has_source
        Some layer is what another one was made from.
    objections
        Sentences on why the reference is no truth for what is ticked.
    running, stopping
        A job is under way, and was asked to stop.
    compared
        There is a table.
    misplaced
        How many layers do not lie over the reference.
    maps
        How many maps of the last comparison are in the viewer.
    """

    reference: str = ""
    candidates: int = 0
    has_source: bool = False
    objections: tuple[str, ...] = ()
    running: bool = False
    stopping: bool = False
    compared: bool = False
    misplaced: int = 0
    maps: int = 0


@dataclass(frozen=True)
class State:
    """What can be pressed, and what is said."""

    can_compare: bool
    can_cancel: bool
    can_move: bool
    has_table: bool
    has_maps: bool
    hint: str
    objection: str


def resolve(choices: Choices) -> State:
    """Return what follows from the choices."""
    ready = bool(choices.reference) and choices.candidates > 0
    missing = NO_TRUTH if not choices.reference and choices.has_source else NO_IMAGE
    return State(
        can_compare=ready and not choices.running,
        can_cancel=choices.running and not choices.stopping,
        can_move=choices.misplaced > 0 and not choices.running,
        has_table=choices.compared,
        has_maps=choices.maps > 0 and not choices.running,
        hint="" if ready or choices.running else missing,
        objection="\n".join(choices.objections),
    )
