"""Noise of one image, from its quietest parts: also noise that neighbouring pixels share.

Where nothing is to be seen but noise, the power of coarse detail is that of finer detail; structure has much more of
it, since its power falls with frequency from the start. So where the cosine transforms of the quietest blocks (chosen
as by Ponomarenko et al. 2003, doi:10.1117/12.477717) are level at low frequencies, all their power is noise, however
it falls later: a filter or an enlargement has smeared the noise then.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
#: side of the blocks
SIDE = 8
#: pixels of a sample from which blocks need not overlap
PLENTY = 2**16
#: share of the blocks that are the quietest, and the least number of them
QUIETEST, FEWEST = 0.1, 12
#: rings of the lowest frequencies, and by how much the logarithm of their power may differ
LOWEST, LEVEL = 3, 0.4
#: share of pixels at a limit of the image up to which a block counts
SATURATED = 0.02


def noise_of_quiet_blocks(sample: FloatArray, cut: npt.NDArray[np.bool_]) -> float | None:
    """Return the variance of the noise in the quietest blocks of tiles; None if there is structure in them, too.

    It is less than that of the whole image where the noise depends on brightness, never more by much.

    Parameters
    ----------
    sample
        Tiles, (tile, row, column), at least :data:`SIDE` pixels a side.
    cut
        Pixels at a limit to which the image was cut.
    """
    from scipy import fft

    stride = SIDE // 2 if sample.size < PLENTY else SIDE
    blocks, saturated = (
        np.lib.stride_tricks.sliding_window_view(values, (SIDE, SIDE), axis=(1, 2))[:, ::stride, ::stride]
        for values in (sample, cut)
    )
    good = saturated.reshape(-1, SIDE**2).mean(axis=1) <= SATURATED
    chosen = blocks.reshape(-1, SIDE, SIDE)[good]
    if len(chosen) * QUIETEST < FEWEST:
        return None
    power = fft.dctn(chosen, axes=(1, 2), norm="ortho").reshape(len(chosen), -1) ** 2
    quiet = power[np.argsort(power[:, 1:].sum(axis=1))[: int(len(power) * QUIETEST)]].mean(axis=0)
    rings = np.bincount(_rings(), quiet)[1 : LOWEST + 1] / np.bincount(_rings())[1 : LOWEST + 1]
    if rings.min() <= 0 or np.ptp(np.log(rings)) > LEVEL:
        return None
    # the mean of a block has the power of its coarsest detail, and the object's brightness besides
    return float((quiet[1:].sum() + rings[0]) / SIDE**2)


@lru_cache(maxsize=1)
def _rings() -> npt.NDArray[np.intp]:
    """Return the ring of every coefficient of a block; 0 for its mean."""
    u, v = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    rings = np.maximum(np.rint(np.hypot(u, v)).astype(np.intp), 1)
    rings[0, 0] = 0
    return rings.ravel()
