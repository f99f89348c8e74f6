"""What a written file is to say of its image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel


@dataclass(frozen=True)
class OutputInfo:
    """What the file should say of the image: as :class:`napari_sr.images.stack.Stack` has it."""

    axes: str
    geometry: Geometry = field(default_factory=Geometry)
    metadata: Any = None
    channels: tuple[Channel, ...] = ()
    labels: tuple[str, ...] = ()
