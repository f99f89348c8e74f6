"""Drawing tools of ``simulate_fluorescence.py``: points, worm-like chains, tubes and polygons without jagged edges.

Coordinates are (row, column) in pixels of the finished image; drawings are on a grid ``SUPER`` times finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw
from scipy import fft, ndimage
from scipy.spatial import Voronoi

SUPER = 2
Paths = tuple[np.ndarray, np.ndarray]
"""Chains: positions (chain, step, 2) and which of them exist (chain, step)."""


def reduce(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of blocks of factor x factor pixels."""
    rows, columns = image.shape
    return image.reshape(rows // factor, factor, columns // factor, factor).mean((1, 3))


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return a fine image blurred by ``sigma`` finished pixels; wide blurs are computed on a coarser grid."""
    sigma, factor = sigma * SUPER, 1
    while sigma / factor > 10 and image.shape[0] % (2 * factor) == 0:
        factor *= 2
    coarse = ndimage.gaussian_filter(reduce(image, factor), sigma / factor, mode="nearest", truncate=3.5)
    return enlarge(coarse, factor)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the image interpolated to ``factor`` times as many pixels."""
    if factor == 1:
        return image
    return ndimage.zoom(image, factor, order=1, mode="nearest", grid_mode=True)


def field(rng: np.random.Generator, size: int, exponent: float, smooth: float = 1.0, large: float = 1e9) -> np.ndarray:
    """Return a fine random field of power k**-exponent between the lengths ``smooth`` and ``large``, unit deviation."""
    count = size * SUPER
    k = np.hypot(fft.fftfreq(count)[:, None], fft.rfftfreq(count)[None]).astype(np.float32) * SUPER
    k[0, 0] = 1
    shape = k ** (-exponent / 2) * np.exp(-((k * smooth) ** 2)) * (1 - np.exp(-((k * large) ** 2)))
    shape[0, 0] = 0
    noise = fft.rfft2(rng.standard_normal((count, count), dtype=np.float32)) * shape
    values = fft.irfft2(noise, s=(count, count))
    return values / values.std()


def splat(points: np.ndarray, weights: ArrayLike, size: int) -> np.ndarray:
    """Deposit weighted points on the fine grid, each on its four neighbours."""
    count = size * SUPER
    points = points.reshape(-1, 2)
    weights = np.broadcast_to(weights, len(points)) if np.ndim(weights) == 0 else np.ravel(weights)
    places = (points + 0.5) * SUPER - 0.5
    keep = np.all((places >= 0) & (places < count - 1), 1) & (weights > 0)
    places, weights = places[keep], weights[keep]
    corner = places.astype(int)
    part, index = places - corner, corner[:, 0] * count + corner[:, 1]
    image = np.zeros(count * count)
    for step, share in (
        (0, (1 - part[:, 0]) * (1 - part[:, 1])),
        (1, (1 - part[:, 0]) * part[:, 1]),
        (count, part[:, 0] * (1 - part[:, 1])),
        (count + 1, part[:, 0] * part[:, 1]),
    ):
        image += np.bincount(index + step, weights * share, count * count)
    return image.reshape(count, count).astype(np.float32)


def paint(polygons: list[np.ndarray], values: ArrayLike, size: int, scale: int = 1) -> np.ndarray:
    """Return an image of filled polygons with ``scale`` pixels per finished pixel, later ones over earlier ones."""
    image = Image.new("F", (size * scale,) * 2)
    draw = ImageDraw.Draw(image)
    for polygon, value in zip(polygons, np.broadcast_to(values, len(polygons)), strict=True):
        draw.polygon((polygon[:, ::-1] * scale).astype(np.float32).ravel().tolist(), fill=float(value))
    return np.asarray(image)


def fill(polygons: list[np.ndarray], values: ArrayLike, size: int) -> np.ndarray:
    """Return a fine image of filled polygons with soft edges."""
    return reduce(paint(polygons, values, size, 2 * SUPER), 2)


def at(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the values at the nearest pixels, 0 outside."""
    index = np.rint(points).astype(int)
    inside = np.all((index >= 0) & (index < image.shape), -1)
    index = np.clip(index, 0, image.shape[0] - 1)
    return np.where(inside, image[index[..., 0], index[..., 1]], 0)


def scatter(rng: np.random.Generator, count: int, density: np.ndarray) -> np.ndarray:
    """Return ``count`` random points with the density of an image (finished or fine pixels)."""
    if density.shape[0] % SUPER == 0 and density.dtype == np.float32:
        density = reduce(density, SUPER)
    total = np.cumsum(np.clip(density, 0, None).ravel() + 1e-12)
    index = np.searchsorted(total, rng.uniform(0, total[-1], count))
    return np.stack(np.divmod(index, density.shape[1]), 1) + rng.uniform(-0.5, 0.5, (count, 2))


def lognormal(rng: np.random.Generator, spread: float, count: int | tuple[int, ...]) -> np.ndarray:
    """Return log-normal brightnesses of median 1, cut at three deviations."""
    return np.exp(spread * np.clip(rng.normal(size=count), -3, 2.5))


def wobble(rng: np.random.Generator, shape: tuple[int, ...], length: float, *, closed: bool = False) -> np.ndarray:
    """Return noise smoothed over ``length`` along the last axis, with unit deviation."""
    length = min(length, shape[-1] / 6)
    noise = ndimage.gaussian_filter1d(rng.normal(size=shape), length, mode="wrap" if closed else "reflect")
    return (noise - noise.mean()) / (noise.std() + 1e-3)


def heading(angle: np.ndarray) -> np.ndarray:
    """Return unit vectors."""
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def grow(
    rng: np.random.Generator,
    starts: np.ndarray,
    angles: np.ndarray,
    lengths: np.ndarray,
    persistence: float,
    zone: np.ndarray | None = None,
    *,
    curl: ArrayLike = 0.0,
    turn: bool = True,
    step: float = 0.8,
) -> Paths:
    """Grow worm-like chains; in a ``zone`` image they turn at the border of the value they start in, or end there."""
    count = int(np.max(lengths) / step) + 1
    bends = ndimage.gaussian_filter1d(rng.normal(size=(count, len(starts))), min(8.0, persistence / 4), axis=0)
    bends = bends * np.sqrt(step / persistence) + np.asarray(curl) * step
    place, angle = starts.astype(float), angles.astype(float)
    home = np.ones(len(starts)) if zone is None else at(zone, place)
    alive, places, lives = home > 0, [], []
    ahead = rng.uniform(3, 40, (len(starts), 1))
    turning = turn * (rng.random(len(starts)) < 0.6)
    for bend in bends:
        angle = angle + bend
        if zone is not None and turn:
            blocked = turning * (at(zone, place + ahead * heading(angle)) != home)
            left = at(zone, place + ahead * heading(angle + 0.7)) == home
            angle = angle + blocked * np.where(left, 1.5, -1.5) / ahead[:, 0]
        place = place + step * heading(angle)
        if zone is not None:
            alive = alive & (at(zone, place) == home)
        places.append(place)
        lives.append(alive)
    reach = np.arange(count)[:, None] * step <= lengths
    return np.stack(places, 1), (np.stack(lives) & reach).T


def tubes(paths: Paths, radius: np.ndarray, level: np.ndarray, hollow: float, wall: float, size: int) -> np.ndarray:
    """Return fine tubes around chains: round when ``hollow`` is 0, only their walls when it is 1."""
    points, alive = paths
    index = np.rint((points[alive] + 0.5) * SUPER - 0.5).astype(int)
    inside = np.all((index >= 0) & (index < size * SUPER), 1)
    index = index[inside]
    free = np.ones((size * SUPER,) * 2, bool)
    radii, levels = np.ones(free.shape, np.float32), np.zeros(free.shape, np.float32)
    where = index[:, 0], index[:, 1]
    free[where] = False
    radii[where] = np.broadcast_to(radius, alive.shape)[alive][inside]
    levels[where] = np.broadcast_to(level, alive.shape)[alive][inside]
    if not len(index):
        return levels
    distance, nearest = ndimage.distance_transform_edt(free, return_indices=True)
    nearest = tuple(nearest)
    distance = ndimage.gaussian_filter(distance.astype(np.float32), 1.0) / SUPER
    radii = ndimage.gaussian_filter(radii[nearest], 1.5)
    body = np.sqrt(np.clip(1 - (distance / radii) ** 2, 0, None))
    rim = np.exp(-(((distance - radii + wall) / wall) ** 2)) + 0.25 * (distance < radii)
    return levels[nearest] * ((1 - hollow) * body + hollow * rim)


def outline(
    rng: np.random.Generator, centre: np.ndarray, radius: float, aspect: float = 1.0, rough: float = 0.04
) -> np.ndarray:
    """Return a closed curve: an ellipse with random bumps."""
    angle = np.linspace(0, 2 * np.pi, int(max(24, 5 * radius)), endpoint=False)
    bumps = sum(rng.normal() * rough * 2 / k * np.cos(k * angle + rng.uniform(0, 7)) for k in range(2, 8))
    curve = (heading(angle) * (1 + bumps)[:, None]) * (radius * np.sqrt([aspect, 1 / aspect]))
    tilt = rng.uniform(0, 2 * np.pi)
    return centre + curve @ np.array([heading(tilt), heading(tilt + np.pi / 2)])


def dense(corners: np.ndarray, spacing: float = 1.0) -> np.ndarray:
    """Return points along a closed polygon, about ``spacing`` pixels apart."""
    closed = np.concatenate([corners, corners[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(8, int(along[-1] / spacing))
    places = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], 1)


def spread_cell(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    """Return the outline of an adherent cell: hollow arcs between the points where it holds on."""
    count = int(rng.integers(5, 11))
    angles = np.sort((np.arange(count) + rng.uniform(-0.35, 0.35, count)) / count * 2 * np.pi)
    tips = heading(angles) * (radius * lognormal(rng, 0.3, count))[:, None]
    share = np.linspace(0, 1, 20, endpoint=False)[:, None]
    arcs = []
    for one, two in zip(tips, np.roll(tips, -1, 0), strict=True):
        middle = (one + two) / 2 * rng.uniform(0.6, 1.15)
        arcs.append((1 - share) ** 2 * one + 2 * share * (1 - share) * middle + share**2 * two)
    curve = dense(np.concatenate(arcs))
    return centre + ndimage.gaussian_filter1d(curve, max(1.5, 0.06 * radius), axis=0, mode="wrap")


def voronoi_cells(rng: np.random.Generator, size: int, radius: float, jitter: float, bend: float) -> list[np.ndarray]:
    """Return the outlines of cells that fill the image, with bent edges; neighbours share their edge."""
    spacing, margin = 2 * radius, 4 * radius
    axis = np.arange(-margin, size + margin, spacing)
    seeds = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    seeds[::2, :, 1] += spacing / 2
    seeds = seeds.reshape(-1, 2) + rng.normal(0, jitter * spacing, (seeds.size // 2, 2))
    diagram = Voronoi(seeds)
    shift = [field(rng, size, 3, radius * 0.7, 4 * radius) * bend * radius for _ in range(2)]
    cells = []
    for region in (diagram.regions[index] for index in diagram.point_region):
        corners = diagram.vertices[region]
        if -1 in region or len(corners) < 3 or np.abs(corners - size / 2).max() > size / 2 + margin:
            continue
        points = dense(corners)
        index = np.clip(points * SUPER, 0, size * SUPER - 1.01)
        moves = np.stack([ndimage.map_coordinates(part, index.T, order=1) for part in shift], 1)
        cells.append(points + moves)
    return cells


@dataclass
class Scene:
    """Cells and their nuclei, which the structures are drawn into."""

    size: int
    radius: float
    cells: list[np.ndarray]
    nuclei: list[np.ndarray]
    levels: np.ndarray

    @cached_property
    def body(self) -> np.ndarray:
        """Fine image, 1 inside a cell."""
        return fill(self.cells, 1, self.size)

    @cached_property
    def nuclear(self) -> np.ndarray:
        """Fine image, 1 inside a nucleus."""
        return fill(self.nuclei, 1, self.size)

    @cached_property
    def level(self) -> np.ndarray:
        """Fine image of the cells' brightness."""
        return fill(self.cells, self.levels, self.size)

    @cached_property
    def labels(self) -> np.ndarray:
        """Cell numbers from 1 on, 0 outside, in finished pixels."""
        return paint(self.cells, np.arange(1, len(self.cells) + 1), self.size).astype(int)

    @cached_property
    def cytosol(self) -> np.ndarray:
        """Cell numbers, 0 outside and in the nuclei, in finished pixels."""
        return np.where(paint(self.nuclei, 1, self.size) > 0, 0, self.labels)

    @cached_property
    def height(self) -> np.ndarray:
        """Fine image: how thick the cells are, 0 to 1; thin at their borders."""
        return self.body * np.clip(2 * blur(self.body, min(60.0, 0.25 * self.radius)) - 0.95, 0.05, 1)

    @cached_property
    def crowd(self) -> np.ndarray:
        """Fine image, high near the nuclei."""
        return blur(self.nuclear, min(80.0, 0.4 * self.radius)) * self.body
