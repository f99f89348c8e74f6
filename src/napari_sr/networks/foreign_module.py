"""Networks of other programs that are torch modules: they hold program code, which runs only where it was allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from napari_sr.errors import SRError
from napari_sr.networks.foreign_bytes import BytesNetwork
from napari_sr.networks.foreign_onnx import OWN_AXES


class ModuleNetwork(BytesNetwork):
    """A module with one image in and one out.

    Parameters
    ----------
    axes, axes_out
        Of its input and output, a permutation of b, c, y and x.
    scale, in_channels, out_channels, around
        As in :class:`napari_sr.networks.foreign_base.ForeignNetwork`.
    """

    runs_code: ClassVar[bool] = True

    def __init__(
        self,
        *,
        scale: int,
        axes: str = OWN_AXES,
        axes_out: str = OWN_AXES,
        in_channels: int = 1,
        out_channels: int = 1,
        around: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels, around=around)
        self.axes, self.axes_out = axes, axes_out

    def run(self, image: Tensor) -> Tensor:
        module = self.opened(image.device)
        made = self.call(module, image.permute([OWN_AXES.index(a) for a in self.axes]))
        if isinstance(made, (tuple, list)) and len(made) == 1:
            made = made[0]
        if not isinstance(made, Tensor) or made.ndim != 4:
            raise SRError("The model does not make one image of one image.")
        return made.permute([self.axes_out.index(a) for a in OWN_AXES])

    def call(self, module: Any, image: Tensor) -> Any:
        """Return what the module makes of an image."""
        return module(image)
