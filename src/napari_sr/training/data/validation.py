"""Whole images that a training is validated on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from napari_sr.conditions import Condition
from napari_sr.degradations import Chain
from napari_sr.intensity import Intensity
from napari_sr.metrics.data_range import data_range_of
from napari_sr.networks.interpolation import Bicubic
from napari_sr.training.data.patches import Plane2D, told

#: images that are validated on
MOST = 16
#: LR, HR, bicubic; the data range and the image's own 0, both in network values; what the network is told
Whole = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


class WholeImages(Dataset[Whole]):
    """Validation: each image's centre, at most ``limit`` LR pixels a side, with its bicubic upscaling and data range.

    All in network values; the data range is that of PSNR elsewhere, 255 grey levels of 8-bit images and otherwise the
    range of the image, so that curves show the figures that the finished model is measured to have. SSIM depends on
    where 0 is, too: the image's own (of its logarithm, if that is what the network sees). A network with
    ``conditions`` is told what its images suffered, exactly.

    Of many images, ``MOST`` are taken, spread evenly: a stack of a thousand planes must not hold up its training. They
    are made once and kept.
    """

    def __init__(
        self, *, planes: Sequence[Plane2D], degradation: Chain | None, scale: int, intensity: Intensity, limit: int,
        conditions: Sequence[Condition] = (),
    ) -> None:  # fmt: skip
        chosen = sorted({int(i) for i in np.linspace(0, len(planes) - 1, min(MOST, len(planes)))})
        self.planes = [planes[i] for i in chosen]
        self.degradation, self.intensity, self.conditions = degradation, intensity, conditions
        self.limit, self.scale = limit, scale
        self.bicubic = Bicubic(scale=scale)
        self._made: dict[int, Whole] = {}

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> Whole:
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def _make(self, index: int) -> Whole:
        hr, s = self.planes[index].hr, self.scale
        lr, suffered = self.planes[index].low_told(self.degradation, seed=index)
        fitted = self.intensity.fit(lr)
        start = [max(0, (n - self.limit) // 2) for n in lr.shape]
        size = [min(n, self.limit) for n in lr.shape]
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        target = np.asarray(hr[rows.start * s : rows.stop * s, columns.start * s : columns.stop * s])
        lr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(lr[rows, columns])))[None]
        hr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(target)))[None]
        # in network values; of densities, the range is that of the logarithm that the network sees
        logarithmic = fitted.log_offset is not None
        span = data_range_of([hr_tensor.numpy()]) if logarithmic else data_range_of([target]) * fitted.gain
        bicubic = self.bicubic(lr_tensor[None])[0]
        # where image values, or logarithms of densities in their unit, are zero
        zero = fitted.lower - (fitted.low - np.log10(fitted.unit(self.intensity))) * fitted.gain
        conditions = told(self.conditions, suffered, fitted)
        return lr_tensor, hr_tensor, bicubic, torch.tensor(span), torch.tensor(zero), conditions
