"""One export from beginning to end: write, test against napari-sr, put in its place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sr.errors import ModelError
from napari_sr.models.export import onnx, torchscript
from napari_sr.models.export.facts import facts_of, tiling
from napari_sr.models.export.graph import ExportGraph
from napari_sr.models.export.request import Exported, ExportRequest, Step, check
from napari_sr.models.export.verify import TOLERANCE, deviation
from napari_sr.models.export.writing import whole
from napari_sr.models.model import Model


@dataclass(frozen=True)
class Written:
    """A file of weights in a temporary place, tested."""

    path: Path
    deviation: float
    facts: dict[str, Any]


def iter_export(request: ExportRequest) -> Generator[Step | Exported, None, None]:
    """Export a model: a :class:`Step` for whatever is begun, then :class:`Exported`.

    Closing the generator cancels, and leaves nothing behind.

    Raises
    ------
    ConfigError, ModelError
        As in :func:`napari_sr.models.export.request.check`; or if the network cannot be written in that format, or
        the file that was written does not compute what napari-sr computes.
    """
    check(request)
    with tempfile.TemporaryDirectory() as folder:
        if request.format == "bioimageio":
            from napari_sr.models.export.bioimageio import iter_package

            yield from iter_package(request, Path(folder))
            return
        written = yield from iter_weights(request, request.format, Path(folder))
        with whole(request.target) as part:
            part.write_bytes(written.path.read_bytes())
    yield Exported(request.target, written.deviation, tuple(written.facts["how_to"]))


def export_model(
    model: Model,
    path: str | Path,
    *,
    to: str = "onnx",
    conditions: Mapping[str, float] | None = None,
    **settings: Any,
) -> Exported:
    """Write a model for other programs, and test that the file computes what napari-sr computes.

    Parameters
    ----------
    model
        From :func:`napari_sr.load_model`.
    path
        The file, or a folder for a file of the model's name.
    to
        ``onnx``, ``torchscript`` or ``bioimageio``.
    conditions
        For a network that is told blur and noise: fixed values; they become a second input if None.
    **settings
        Further fields of :class:`ExportRequest`.

    Raises
    ------
    ConfigError, ModelError
        As :func:`iter_export`.
    """
    request = ExportRequest(model=model, path=Path(path), format=to, conditions=conditions, **settings)
    for event in iter_export(request):
        if isinstance(event, Exported):
            return event
    raise AssertionError("unreachable: the last event is Exported")


def iter_weights(request: ExportRequest, kind: str, folder: Path) -> Generator[Step, None, Written]:
    """Write and test one file of weights, ``onnx`` or ``torchscript``; for any size, or else for tiles of one size."""
    title = {"onnx": "ONNX", "torchscript": "TorchScript"}[kind]
    path = folder / f"{request.model.card.name}{'.onnx' if kind == 'onnx' else '.pt'}"
    yield Step(f"Writing {title}")
    one = _Weights(request, kind, path)
    try:
        one.write(None)
        yield Step(f"Testing {title} on images of several sizes")
        found = one.deviation(None)
    except _WrongSize:
        tile = tiling(request.model)[0] or request.model.card.trained_patch or 64
        yield Step(f"Writing {title} for tiles of {tile} × {tile} pixels")
        one.write(tile)
        found = one.deviation(tile)
    if kind == "onnx":
        onnx.add_metadata(path, card=request.model.card, facts=one.facts)
    return Written(path, found, one.facts)


class _WrongSize(Exception):
    """The file is right for the size it was recorded with, and for no other."""


class _Weights:
    """One file of weights: how it is written, and how far it is from the model."""

    def __init__(self, request: ExportRequest, kind: str, path: Path) -> None:
        self.model, self.kind, self.path = request.model, kind, path
        self.told = None if request.conditions is None else dict(request.conditions)
        self.graph = ExportGraph(model=request.model, told=self.told, image_values=request.image_values)
        self.facts: dict[str, Any] = {}

    def write(self, tile: int | None) -> None:
        self.facts = facts_of(self.model, self.graph, told=self.told, tile=tile)
        if self.kind == "onnx":
            onnx.write(self.graph, self.path, tile=tile)
        else:
            torchscript.write(self.graph, self.path, tile=tile, card=self.model.card, facts=self.facts)

    def deviation(self, tile: int | None) -> float:
        """Return the deviation from the model; raises :class:`_WrongSize`, or :class:`ModelError` for one size."""
        run: Callable[..., Any] = (onnx if self.kind == "onnx" else torchscript).runner(self.path)
        try:
            found = deviation(run, self.model, self.graph, told=self.told, tile=tile)
        except Exception as error:  # onnxruntime's errors share no class: whatever they are, the file does not do
            if tile is None:
                raise _WrongSize from error
            raise ModelError(f"The file that was written cannot be run: {error}") from error
        if found <= TOLERANCE:
            return found
        if tile is None:
            raise _WrongSize
        raise ModelError(
            f"The file that was written differs from {self.model.card.name} by {found:.2g} of the range, more than "
            f"{TOLERANCE:g}. It was not kept."
        )
