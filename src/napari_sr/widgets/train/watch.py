"""Where a run is watched: the layer, the place where the box begins, and which places are kept aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.train.stage import SIDE, TrainStage, show_plane

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sr.training.preview import Place
    from napari_sr.training.session import Started

KEPT = "The pictures are of the box, a part that is kept aside: the model is not trained on it."
TRAINED_ON = "The pictures are of the box. The model is trained on this part: elsewhere it may do worse."


@dataclass(frozen=True)
class Watch:
    """The stage of a run, and whether a place on it is kept aside for validation."""

    stage: TrainStage
    kept: Callable[[Place], bool]

    def sentence(self) -> str:
        """Say what the pictures show."""
        return KEPT if self.kept(self.stage.place()) else TRAINED_ON


def open_watch(viewer: Any, started: Started, layer: Image | None, *, on_move: Callable[[], None]) -> Watch:
    """Open the stage on the layer that is trained on, or on a validation image of the folder, at a place kept aside.

    Parameters
    ----------
    viewer
        The viewer.
    started
        The run.
    layer
        Layer that is trained on; None for files and folders.
    on_move
        Called when the box has moved.
    """
    from napari_sr.training.data.split import kept_part, stack_split

    config = started.config
    if started.plane is not None or layer is None:
        layer = _validation_layer(viewer, config.name, started.plane)
    shape = layer.data.shape
    lengths = [n // config.scale for n in shape[-2:]]
    corner = [n // 2 - SIDE // 2 for n in lengths]
    count = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
    # a single image is split; of several, whole ones are kept
    split = (
        kept_part(shape[-2:], scale=config.scale, lr_patch=config.lr_patch, share=config.validation_share)
        if _is_single(started, count)
        else None
    )
    if split is not None:
        axis, _, begin = split
        corner[axis] = (begin + lengths[axis]) // 2 - SIDE // 2
    elif count > 1 and layer in viewer.layers:  # the last plane is always kept
        show_plane(viewer, layer, [n - 1 for n in shape[:-2]])

    def kept(place: Place) -> bool:
        if split is not None:
            axis, trained, _ = split
            return (place.row, place.column)[axis] >= trained
        return started.plane is not None or place.plane >= stack_split(count, config.validation_share)[0]

    corner = [max(0, min(n, length - SIDE)) for n, length in zip(corner, lengths, strict=True)]
    return Watch(TrainStage(viewer, layer, scale=config.scale, start=(corner[0], corner[1]), on_move=on_move), kept)


def _validation_layer(viewer: Any, name: str, plane: Any) -> Image:
    title = f"{name}: validation image"
    for old in [x for x in viewer.layers if x.name == title and x.metadata.get(METADATA_KEY)]:
        remove_layer(viewer, old)
    added: Image = viewer.add_image(plane, name=title, metadata={METADATA_KEY: {"made_by": "training"}})
    return added


def _is_single(started: Started, count: int) -> bool:
    """Return True if a run has a single image; ``count`` is the number of planes of its layer."""
    if started.plane is None or count > 1:
        return count == 1
    from napari_sr.images.lazy_plane import open_planes
    from napari_sr.images.listing import image_files

    files = image_files(Path(started.config.train[0].path))
    return len(files) == 1 and len(open_planes(files[0])) == 1
