"""What can be seen of a result without a reference: whether it kept the brightness, and stayed within the type."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from napari_sr.inference import transfer

#: side of the blocks whose means are compared, LR pixels: deblurring moves light, but not so far
BLOCK = 16
#: how far the mean of a block may leave that of the input, as a share of the range, or the noise if that is more
DRIFT = 0.02
#: share of the blocks that may
BLOCKS = 0.05
#: share of the values that may be cut at the limits of the type, beside twice the share of the input that is within
#: ``NEAR`` (a share of the type's range) of them
CUT, NEAR = 0.001, 0.02


@dataclass
class Checks:
    """Gathers the comparison of a result with its input, tile by tile."""

    blocks: int = 0
    drifted: int = 0
    drift: float = 0.0
    pixels: int = 0
    at_limits: int = 0
    #: means of the result's blocks that are on their way from the device, those of the input, and what they may differ
    owed: deque[tuple[transfer.Fetched, npt.NDArray[np.float64], float]] = field(default_factory=deque)

    def add(self, sr: Tensor, lr: npt.NDArray[Any], *, scale: int, span: float | None, noise: float) -> None:
        """Compare a part of the result with its part of the input.

        Parameters
        ----------
        sr, lr
            In image values; ``sr`` is ``scale`` times as large, on any device.
        span
            Of the image's intensities; None where they are judged by their logarithm, and brightness is not compared.
        noise
            Of the image, per cent of the range.
        """
        self.pixels += lr.size
        if lr.dtype.kind in "ui":
            limits = np.iinfo(str(lr.dtype))
            near = NEAR * (float(limits.max) - float(limits.min))
            self.at_limits += int(np.count_nonzero((lr <= limits.min + near) | (lr >= limits.max - near)))
        if span is None or min(lr.shape) < BLOCK:
            return
        side, rows, columns = BLOCK * scale, lr.shape[0] // BLOCK, lr.shape[1] // BLOCK
        blocks = sr[: rows * side, : columns * side].reshape(rows, side, columns, side)
        means = blocks.mean(dim=(1, 3)) / span
        self.owed.append((transfer.Fetched(means), block_means(lr, BLOCK) / span, max(DRIFT, noise / 100)))
        while len(self.owed) > transfer.owed_by(sr.device):
            self._count()

    def settle(self) -> None:
        """Count what is still on its way."""
        while self.owed:
            self._count()

    def _count(self) -> None:
        """Count the blocks of the oldest part that drifted."""
        fetched, of_lr, allowed = self.owed.popleft()
        with np.errstate(invalid="ignore"):  # a block with infinite pixels has no mean, and is left out
            difference = fetched.wait() - of_lr
        difference = difference[np.isfinite(difference)]
        self.blocks += difference.size
        far = np.abs(difference) > allowed
        self.drifted += int(far.sum())
        self.drift += float(difference[far].sum())

    def problems(self, cut: int, values: float) -> tuple[str, ...]:
        """Return sentences on what is wrong; ``cut`` of the result's ``values`` were beyond the limits of its type."""
        self.settle()
        found = []
        if self.blocks and self.drifted > BLOCKS * self.blocks:
            by, share = self.drift / self.drifted, self.drifted / self.blocks
            found.append(
                f"The result is {'brighter' if by > 0 else 'darker'} than the image by {abs(by):.0%} of its range in "
                f"{share:.0%} of its area: do not measure intensities in it, and try another model"
            )
        allowed = CUT + 2 * self.at_limits / max(self.pixels, 1)
        if values and cut > allowed * values:
            found.append(
                f"{cut / values:.1%} of the values were beyond the limits of the image's type and were cut: "
                "the model overshoots on this image, try another one"
            )
        return tuple(found)


def block_means(image: npt.NDArray[Any], side: int) -> npt.NDArray[np.float64]:
    """Return the means of the whole blocks of ``side`` pixels."""
    rows, columns = (n // side for n in image.shape)
    blocks = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))
