"""The Wiener filter of a training set, in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from napari_sr.data.patches import Plane2D
from napari_sr.degradations import Chain
from napari_sr.intensity import Intensity
from napari_sr.networks import create_network
from napari_sr.networks.wiener import WienerFilter

#: LR rows taken at a time
STRIP = 64


def fit_wiener(
    planes: Sequence[Plane2D],
    *,
    degradation: Chain | None,
    intensity: Intensity,
    scale: int | None = None,
    kernel_size: int = 13,
    ridge: float = 1e-7,
    check_stop: Callable[[], None] = lambda: None,
) -> WienerFilter:
    """Return the linear filter with the least squared error on ``planes``.

    For every LR pixel, the k x k neighbourhood a predicts the s x s HR pixels b under it:
    W = (sum a a^T + ridge tr I)^-1 sum a b^T, each image weighted as in training. ``check_stop`` is called now
    and then, and may raise.
    """
    if scale is None:
        assert degradation is not None
        scale = degradation.scale
    features = kernel_size**2
    gram = torch.zeros(features, features, dtype=torch.float64)
    cross = torch.zeros(features, scale**2, dtype=torch.float64)
    for plane in planes:
        lr = plane.low(degradation)
        fitted = intensity.fit(lr)
        height, width = lr.shape
        hr = np.asarray(plane.hr[: height * scale, : width * scale])
        x = torch.from_numpy(fitted.forward(lr)).double()[None, None]
        y = torch.from_numpy(fitted.forward(hr)).double()[None, None]
        padded = F.pad(x, (kernel_size // 2,) * 4, mode="replicate")
        targets = F.pixel_unshuffle(y, scale)  # (1, s^2, H, W)
        for row in range(0, height, STRIP):  # the neighbourhoods of a whole image would not fit into memory
            check_stop()
            rows = min(STRIP, height - row)
            columns = F.unfold(padded[:, :, row : row + rows + kernel_size - 1], kernel_size)[0]  # (k^2, rows * W)
            under = targets[0, :, row : row + rows].reshape(scale**2, -1)
            gram += plane.weight * columns @ columns.T
            cross += plane.weight * columns @ under.T
    gram += ridge * gram.trace() / features * torch.eye(features, dtype=torch.float64)
    solution = torch.linalg.solve(gram, cross).T.reshape(scale**2, 1, kernel_size, kernel_size)
    network = create_network("wiener", scale=scale, kernel_size=kernel_size)
    assert isinstance(network, WienerFilter)
    network.taps.data.copy_(solution.float())
    return network
