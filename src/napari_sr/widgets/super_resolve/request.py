"""What *Super-resolve* is asked for, and what happens in the background then."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sr.widgets.controls.mix_row import load_mixed
from napari_sr.widgets.layers.snapshot import Snapshot

if TYPE_CHECKING:
    from napari_sr.evaluation.reference import Compared
    from napari_sr.inference import Progress
    from napari_sr.models.model import Model, ModelCard

WHOLE = slice(None)


@dataclass(frozen=True)
class Available:
    """What the background start-up found."""

    cards: tuple[ModelCard, ...]
    devices: tuple[str, ...]
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UpscaleRequest:
    """One run, as it was asked for; the layers may change or go meanwhile.

    Attributes
    ----------
    source, layer
        The image, and the layer that it was taken from.
    reference_layer, reference
        The truth, and its array; None without one.
    axes
        Of the image.
    model, mix
        Name or path of the model, and of one that is mixed in, with its share.
    settings
        Of the :class:`napari_sr.inference.Upscaler`.
    conditions
        What the network is told.
    rows, columns
        The part that is super-resolved.
    """

    source: Snapshot
    layer: Image
    reference_layer: Image | None
    reference: Any
    axes: str
    model: str
    mix: tuple[str, float] | None
    settings: dict[str, Any]
    conditions: Mapping[str, float] = field(default_factory=dict)
    rows: slice = field(default_factory=lambda: WHOLE)
    columns: slice = field(default_factory=lambda: WHOLE)

    def load(self) -> Model:
        """Load the model, mixed with another if that is wanted."""
        return load_mixed(self.model, self.mix)


@dataclass(frozen=True)
class RunDone:
    """A run has ended well."""

    card: ModelCard
    compared: Compared


def iter_run(request: UpscaleRequest, should_stop: Callable[[], bool]) -> Generator[Progress | RunDone, None, None]:
    """Super-resolve, and compare with the reference if there is one; ends with :class:`RunDone`."""
    from napari_sr.evaluation.reference import Compared, iter_compared
    from napari_sr.inference import Upscaler

    model = request.load()
    known = {c.name for c in model.network.conditions}
    for event in iter_compared(
        request.source.data, Upscaler(model, **request.settings), request.reference, axes=request.axes,
        rows=request.rows, columns=request.columns, should_stop=should_stop,
        conditions={name: value for name, value in request.conditions.items() if name in known},
    ):  # fmt: skip
        yield RunDone(model.card, event) if isinstance(event, Compared) else event


def iter_available(recent: tuple[str, ...]) -> Generator[Available, None, None]:
    """List models, those of files that were opened before, and devices: importing torch takes seconds."""
    from napari_sr.inference.device import available_devices
    from napari_sr.models.store import list_models

    opened, paths = _opened(recent)
    listed = [c for c in list_models() if c.name not in paths]
    yield Available((*opened, *listed), available_devices(), paths)


def iter_models(paths: Mapping[str, str]) -> Generator[Available, None, None]:
    """List the models anew, with those of opened files."""
    from napari_sr.models.store import list_models

    opened, found = _opened(tuple(paths.values()))
    yield Available((*opened, *(c for c in list_models() if c.name not in found)), (), found)


def iter_opened(path: str) -> Generator[ModelCard | None, None, None]:
    """Read the card of a model file, and whether the model can be loaded at all; None for one of another program."""
    from napari_sr.models.store import is_own, load_model

    yield load_model(path).card if is_own(path) else None


def _opened(files: tuple[str, ...]) -> tuple[list[ModelCard], dict[str, str]]:
    """Return the cards of model files and their paths by name; those that are gone or broken are left out."""
    from napari_sr.errors import SRError
    from napari_sr.models.model import read_card

    cards, paths = [], {}
    for file in files:
        try:
            card = read_card(file)
        except SRError:  # said when it was opened; since then it was moved, or is being written
            continue
        cards.append(card)
        paths[card.name] = file
    return cards, paths
