"""Which layer was made from which: a picture cannot be measured against the image that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from napari_sr.widgets.layers.snapshot import METADATA_KEY

#: how one layer comes from another
MADE, SIMULATED = "made", "simulated"


def parent(layer: Any, layers: Iterable[Any]) -> tuple[Any, str] | None:
    """Return the layer that one comes from, and how; None if it does not say, or that one is gone.

    A super-resolved layer was ``made`` from its source; an LR image was ``simulated`` from its reference. Layers are
    found by their identity, which a new name does not change, or else by their name.
    """
    said = layer.metadata.get(METADATA_KEY, {})
    if said.get("made_by") not in (None, "super-resolution", "sample"):
        return None  # maps have a reference, too
    how = MADE if "source_layer" in said else SIMULATED
    name, identity = ("source_layer", "source_id") if how == MADE else ("reference", "reference_id")
    found = _find(said.get(name), said.get(identity), [x for x in layers if x is not layer])
    return None if found is None else (found, how)


def truth_of(layer: Any, layers: Iterable[Any]) -> Any | None:
    """Return the layer that one names as its truth; None if it names none, or that one is gone."""
    step = parent(layer, layers)
    return step[0] if step is not None and step[1] == SIMULATED else None


def _find(name: str | None, identity: str | None, layers: Sequence[Any]) -> Any | None:
    """Return the layer of an identity, or else the first of a name."""
    same = [x for x in layers if identity and str(getattr(x, "unique_id", "")) == identity]
    return next(iter([*same, *(x for x in layers if name is not None and x.name == name)]), None)


def made_from(layer: Any, other: Any, layers: Sequence[Any]) -> bool:
    """Return True if ``layer`` was made from ``other``, directly or through steps, so that ``other`` is no truth of it.

    An HR image from which an LR image was simulated is a truth of all that is made from that LR image: what it was
    itself made from is none.
    """
    seen: list[Any] = []
    step = parent(layer, layers)
    while step is not None and not any(step[0] is x for x in seen):
        found, how = step
        if found is other:
            return how == MADE
        seen.append(found)
        step = parent(found, layers)
    return False


def is_source(layer: Any, layers: Sequence[Any]) -> bool:
    """Return True if any other layer was made from this one."""
    return any(made_from(x, layer, layers) for x in layers if x is not layer)


def no_truth(reference: Any, candidates: Iterable[Any], layers: Sequence[Any]) -> list[str]:
    """Return a sentence for every candidate that the reference is no truth of."""
    lines = []
    for candidate in candidates:
        if made_from(candidate, reference, layers):
            lines.append(
                f"{reference.name} is the image that {candidate.name} was made from: the figures only show how much "
                f"{candidate.name} changed it, not how true it is."
            )
        elif made_from(reference, candidate, layers):
            lines.append(
                f"{reference.name} was made from {candidate.name}: the figures only show how much was changed, not "
                "what is true."
            )
        elif common := [x for x in layers if made_from(candidate, x, layers) and made_from(reference, x, layers)]:
            lines.append(
                f"{reference.name} was made from {common[0].name}, as {candidate.name} was: the figures only show how "
                "alike the two are, not what is true."
            )
    return lines
