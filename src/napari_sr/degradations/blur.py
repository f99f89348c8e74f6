"""Blurring steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import FloatImage

#: where families of degradations cut a Gaussian off, in its standard deviations
TRUNCATED = 3.5


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian blur with standard deviation ``sigma`` in HR pixels, cut off at ``truncate`` of it; mirrored borders."""

    sigma: float
    truncate: float = 4.0

    @property
    def spread(self) -> float:
        """Variance of its point-spread function, pixels squared."""
        return self.sigma**2

    @property
    def noise_left(self) -> float:
        """Share of the variance of white noise that it leaves: the sum of the squares of its kernel."""
        from scipy import ndimage

        point = np.zeros(2 * round(self.truncate * self.sigma) + 3)
        point[len(point) // 2] = 1.0
        return float((ndimage.gaussian_filter1d(point, self.sigma, truncate=self.truncate) ** 2).sum() ** 2)

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        from scipy import ndimage

        return np.asarray(ndimage.gaussian_filter(image, self.sigma, mode="reflect", truncate=self.truncate))


@dataclass(frozen=True)
class KernelBlur:
    """Convolution with a kernel; borders are mirrored."""

    kernel: npt.NDArray[np.float64]

    @property
    def spread(self) -> float:
        """Variance of its point-spread function (mean of rows and columns), pixels squared.

        That of a kernel with rings can come out negative: it sharpens rather than blurs, and counts as none.
        """
        reach = len(self.kernel) // 2
        squares = np.arange(-reach, reach + 1) ** 2.0
        rows, columns = squares @ self.kernel.sum(1), squares @ self.kernel.sum(0)
        return max(float(rows + columns) / 2, 0.0)

    @property
    def noise_left(self) -> float:
        """Share of the variance of white noise that it leaves: the sum of the squares of its kernel."""
        return float((self.kernel**2).sum())

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        from scipy import signal

        return np.asarray(signal.oaconvolve(np.pad(image, len(self.kernel) // 2, "symmetric"), self.kernel, "valid"))


def gaussian_kernel(
    size: int, sigma: tuple[float, float], *, angle: float = 0.0, beta: float = 1.0
) -> npt.NDArray[np.float64]:
    """Return the kernel exp(-(u' S^-1 u)^beta / 2), normalised to a sum of 1.

    Parameters
    ----------
    size
        Side, odd.
    sigma
        Standard deviations along the two axes of S, in pixels.
    angle
        By which S is turned, in radians.
    beta
        1 for a Gaussian; less has heavier tails, more is flatter.
    """
    kernel = np.exp(-0.5 * _distance(size, sigma, angle) ** beta)
    return np.asarray(kernel / kernel.sum())


def plateau_kernel(
    size: int, sigma: tuple[float, float], *, angle: float = 0.0, beta: float = 1.0
) -> npt.NDArray[np.float64]:
    """Return the kernel 1 / (1 + (u' S^-1 u)^beta), normalised to a sum of 1 (arXiv:2107.10833, appendix).

    Parameters are those of :func:`gaussian_kernel`; the larger ``beta``, the flatter its top and the steeper its sides.
    """
    kernel = 1 / (1 + _distance(size, sigma, angle) ** beta)
    return np.asarray(kernel / kernel.sum())


def _distance(size: int, sigma: tuple[float, float], angle: float) -> npt.NDArray[np.float64]:
    """Return u' S^-1 u at every pixel u of a kernel."""
    reach = size // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    across = columns * np.cos(angle) - rows * np.sin(angle)
    return np.asarray((along / sigma[0]) ** 2 + (across / sigma[1]) ** 2)


def sinc_kernel(size: int, cutoff: float) -> npt.NDArray[np.float64]:
    """Return the circular low-pass kernel cutoff / (2 pi r) J1(cutoff r), normalised to a sum of 1.

    It leaves rings beside edges, as sharpening and compression do (Real-ESRGAN, arXiv:2107.10833, eq. 6).
    ``cutoff`` is in radians a pixel, below pi.
    """
    from scipy import special

    reach = size // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.hypot(rows, columns)
    radius[reach, reach] = 1.0
    kernel = cutoff * special.j1(cutoff * radius) / (2 * np.pi * radius)
    kernel[reach, reach] = cutoff**2 / (4 * np.pi)
    return np.asarray(kernel / kernel.sum())
