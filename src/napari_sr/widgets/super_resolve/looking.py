"""Looking around: layers whose tiles come where they are looked at, and writing the whole of one out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.images.geometry import Geometry
from napari_sr.images.writers import OutputInfo
from napari_sr.widgets.base.messages import ERROR, QUIET
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.selection import selection_kept
from napari_sr.widgets.layers.snapshot import METADATA_KEY, provenance, resampled_arguments
from napari_sr.widgets.super_resolve.lazy_layer import LazyLayer, told_of
from napari_sr.widgets.super_resolve.preview_layer import remove_preview

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sr.inference import Finished, Progress
    from napari_sr.models.model import ModelCard
    from napari_sr.widgets.super_resolve.dock import SuperResolve
    from napari_sr.widgets.super_resolve.request import UpscaleRequest

NO_MAPS = "A reference is compared with whole results only: no maps are added."


class LookingAround:
    """The layers of a dock that are super-resolved where they are looked at.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: SuperResolve) -> None:
        self.dock, self.viewer = dock, dock.viewer
        self._layers: list[LazyLayer] = []
        #: something was moved while a job ran
        self._late = False
        events = self.viewer.layers.events
        events.removed.connect(self._on_removed)
        events.inserted.connect(self._on_inserted)

    def shown(self) -> LazyLayer | None:
        """Return the layer that the dock's buttons are about; None if that is another kind of result."""
        result = self.dock.tools.result
        return next((x for x in self._layers if x.layer is result and result in self.viewer.layers), None)

    def add(self, request: UpscaleRequest, card: ModelCard) -> None:
        """Add a layer, in place of an earlier one of this kind, image and model unless both are to be kept.

        Raises
        ------
        ImageError
            If the image has colours.
        """
        source = str(request.layer.unique_id)
        old = [x for x in self._layers if x.card.name == card.name and str(x.request.layer.unique_id) == source]
        going = [] if self.dock.form.keep_box.isChecked() else [x.layer for x in old if x.layer in self.viewer.layers]
        replaced = tuple((number, x) for number, x in enumerate(self.viewer.layers) if x in going)
        made = LazyLayer(self.viewer, request, card, self.dock.form.settings.memory_bytes())
        with selection_kept(self.viewer):
            for layer in going:
                remove_layer(self.viewer, layer)
            remove_preview(self.viewer)
        made.layer.name = made.name  # which may have been another's until now
        self._layers.append(made)
        made.told.connect(self.tell)
        self.dock.runs.take(request.layer, made.layer, replaced)
        self.dock.say(NO_MAPS if request.reference_layer is not None else "")
        self.tell()
        self.dock.refresh()

    def follow(self) -> bool:
        """Something was moved that changes what is seen: show it in the layer; False if none is there to show it."""
        shown, card, form = self.shown(), self.dock.models.card(), self.dock.form
        if shown is None or card is None:
            return False
        made_of = shown.card.name, shown.card.scale, shown.request.layer, shown.request.axes
        if (card.name, card.scale, form.layer_box.layer(), form.axes()) != made_of:
            return False
        self._late = self.dock.running
        try:
            if (request := self.dock.request(whole=True)) is not None:
                shown.ask(request)
        except SRError as error:
            self.dock.say(str(error), ERROR)
        return True

    def catch_up(self) -> None:
        """Show what was moved while something ran."""
        if self._late:
            self._late = False
            self.follow()

    def resize(self) -> None:
        """Let tiles take as much memory as the settings say."""
        for one in self._layers:
            one.lazy.resize(self.dock.form.settings.memory_bytes())

    def tell(self) -> None:
        """Say how far the tiles in view are."""
        if not isalive(self.dock):  # a viewer that is closed takes its layers away one by one
            return
        shown = self.shown()
        text, wrong = ("", False) if shown is None else shown.say()
        self.dock.form.tiles.say(text, ERROR if wrong else QUIET)

    def _on_removed(self, event: Any) -> None:
        for one in self._layers:
            if one.layer is event.value:
                one.stop(forget=True)
        self.tell()

    def _on_inserted(self, event: Any) -> None:
        for one in self._layers:
            if one.layer is event.value:  # a run that replaced it was undone
                one.start()

    def pause(self) -> None:
        """The window is closed: let nothing go on behind it."""
        for one in self._layers:
            one.pause()

    def shut_down(self) -> None:
        """End what goes on; the layers stay as they are."""
        for one in self._layers:
            one.stop()
        with suppress(RuntimeError, TypeError, ValueError):  # it was done before
            self.viewer.layers.events.removed.disconnect(self._on_removed)
            self.viewer.layers.events.inserted.disconnect(self._on_inserted)

    # -- the whole of one -------------------------------------------------------------------------

    def ask_where(self) -> None:
        """Let a person choose a file, and write the whole image into it."""
        shown = self.shown()
        if shown is None or self.dock.running:
            return
        suggested = "".join(c if c.isalnum() or c in "-_" else "_" for c in shown.layer.name) + ".zarr"
        path, _ = QFileDialog.getSaveFileName(self.dock, "Write whole image", suggested, "OME-Zarr (*.zarr)")
        if path:
            self.write(shown, Path(path if path.lower().endswith(".zarr") else f"{path}.zarr"))

    def write(self, shown: LazyLayer, target: Path) -> None:
        """Write the whole image in the background, and show what was written in place of the layer."""
        from napari_sr.inference import Finished
        from napari_sr.inference.unfinished import is_begun

        dock, request = self.dock, shown.request
        if target.exists():
            dock.say(f"{target.name} exists already. Choose another name.", ERROR)
            return
        info = OutputInfo(
            axes=request.axes, geometry=geometry_of(request.layer, request.axes),
            metadata={"Info": f"super-resolved by napari-sr with {shown.card.name}"},
        )  # fmt: skip
        dock.runs.open_activity(f"Writing {target.name}")
        dock.say_meanwhile("Starting …")

        def work() -> Generator[Progress | Finished, None, None]:
            from napari_sr.inference import Upscaler
            from napari_sr.inference.to_zarr import iter_upscale_to_zarr

            upscaler = Upscaler(request.load(), **request.settings)
            yield from iter_upscale_to_zarr(
                request.source.data, target, upscaler, axes=request.axes, info=info,
                conditions=told_of(request, shown.card), should_stop=dock.stopping,
            )  # fmt: skip

        def show(event: Progress | Finished) -> None:
            if isinstance(event, Finished):
                self._replace(shown, request, target, event)
            else:
                dock.runs.advance(event)

        def cancelled() -> str:
            kept = f"What is done is kept: write to {target.name} again to go on." if is_begun(target) else ""
            return f"Cancelled. Nothing was added. {kept}".rstrip()

        dock.start(work, show, keep=lambda event: isinstance(event, Finished), cancelled=cancelled)

    def _replace(self, shown: LazyLayer, request: UpscaleRequest, target: Path, finished: Finished) -> None:
        """Show what was written in place of the layer that was looked around in."""
        from napari_sr.inference.lazy.whole import written_levels

        viewer, card, report = self.viewer, shown.card, finished.report
        source = request.layer
        metadata = provenance(report, card, request.source)
        metadata[METADATA_KEY] |= {
            "source_id": str(source.unique_id), "axes": request.axes, "loaded_from": (request.model, request.mix),
        }  # fmt: skip
        added = viewer.add_image(
            written_levels(target, request.axes), multiscale=True, name=shown.layer.name,
            metadata=metadata, **resampled_arguments(source, request.axes, card.scale),
        )  # fmt: skip
        replaced = tuple((number, x) for number, x in enumerate(viewer.layers) if x is shown.layer)
        with selection_kept(viewer):
            for number, layer in replaced:
                viewer.layers.move(len(viewer.layers) - 1, number)
                remove_layer(viewer, layer)
                added.name = layer.name
        self.dock.runs.take(source, added, replaced)
        lines = [f"{problem}." for problem in report.problems] + [f"{target.name} is written: {report.summary()}."]
        self.dock.runs.outcome = lines[-1]
        self.dock.say("\n".join(lines), ERROR if report.problems else "", tip=report.sentence())
        self.tell()


def geometry_of(layer: Image, axes: str) -> Geometry:
    """Return where the pixels of a layer lie, as far as files can say it: not how it is turned or sheared."""
    return Geometry.stated(**{
        axis: (float(step), None if str(unit) == "pixel" else f"{unit:~P}".replace("Mpc_h", "Mpc/h"), float(place))
        for axis, step, unit, place in zip(axes, layer.scale, layer.units, layer.translate, strict=True)
    })  # fmt: skip
