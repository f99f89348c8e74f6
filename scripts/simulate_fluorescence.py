"""Simulate sharp, noise-free fluorescence images to train the ``fluo-*`` models on.

Filaments, tubular networks, vesicles, membranes, nuclei, textured cytoplasm and composites of them, with
background, haze and uneven illumination, as a super-resolving instrument would show them: the only blur
is a narrow PSF, and the training degrades the images itself.

    python scripts/simulate_fluorescence.py --out scripts/models/fluo

writes ``simulated_train.tif`` and ``simulated_val.tif``, uint16 stacks. Image i is the same for every count.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from fluorescence_structures import (
    SUPER,
    Paths,
    Scene,
    blur,
    dense,
    field,
    fill,
    grow,
    heading,
    lognormal,
    outline,
    reduce,
    scatter,
    splat,
    spread_cell,
    tubes,
    voronoi_cells,
    wobble,
)
from scipy import ndimage

MARGIN = 16
Random = np.random.Generator
Layer = Callable[[Random, Scene], np.ndarray]


def between(rng: Random, low: float, high: float) -> float:
    """Return a random number, even on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def make_scene(rng: Random, size: int, low: float, high: float, layout: str, share: float) -> Scene:
    """Place cells of a random radius: tissue, tissue with holes, or single cells that hardly overlap."""
    radius = between(rng, low, high)
    if layout == "single":
        count = int(np.clip(rng.uniform(0.3, 1.6) * (size / radius / 1.8) ** 2, 1, 150))
        tries = rng.uniform(-0.05, 1.05, (count, 2)) if count > 2 else rng.uniform(0.2, 0.8, (count, 2))
        centres = [tries[0] * size]
        for centre in tries[1:] * size:
            if np.hypot(*(np.array(centres) - centre).T).min() > 1.7 * radius:
                centres.append(centre)
        if rng.random() < 0.65 and radius > 25:
            cells = [spread_cell(rng, centre, radius * between(rng, 0.75, 1.3)) for centre in centres]
        else:
            cells = [outline(rng, centre, radius * between(rng, 0.6, 1.2), rng.uniform(1, 1.6)) for centre in centres]
    else:
        cells = voronoi_cells(rng, size, radius, rng.uniform(0.1, 0.32), rng.uniform(0.1, 0.35))
    if layout == "holes":
        shape = field(rng, size, 4, radius, 0.5 * size)
        middles = np.clip(np.array([cell.mean(0) for cell in cells]) * SUPER, 0, size * SUPER - 1).astype(int)
        kept = shape[tuple(middles.T)] > rng.uniform(-0.8, 0.5)
        cells = [cell for cell, keep in zip(cells, kept, strict=True) if keep] or cells
    nuclei = [nucleus_of(rng, cell, share * rng.uniform(0.85, 1.15)) for cell in cells]
    return Scene(size, radius, cells, nuclei, lognormal(rng, rng.uniform(0.1, 0.7), len(cells)))


def nucleus_of(rng: Random, cell: np.ndarray, share: float) -> np.ndarray:
    """Return the outline of a cell's nucleus."""
    reach = np.hypot(*(cell - cell.mean(0)).T)
    return outline(rng, cell.mean(0), share * np.mean(reach), rng.uniform(1, 1.6), rng.choice([0.015, 0.03, 0.07]))


def draw_chains(
    rng: Random, paths: Paths, spread: float, size: int, *, width: float, deep: float, taper: float = 0.0
) -> np.ndarray:
    """Draw chains of varying brightness, a share ``deep`` of them out of focus."""
    points, alive = paths
    count, steps = alive.shape
    length = np.maximum(alive.sum(1, keepdims=True), 1)
    ends = np.clip(np.minimum(np.arange(1, steps + 1), length - np.arange(steps)) / (taper * length + 1), 0, 1)
    weights = alive * lognormal(rng, spread, count)[:, None] * ends
    weights = weights * np.exp(rng.uniform(0, 0.5) * wobble(rng, (count, steps), between(rng, 3, 40)))
    depth = np.where(rng.random(count) < deep, rng.integers(1, 4, count), 0)
    image = np.zeros((size * SUPER,) * 2, np.float32)
    for level, sigma in enumerate([width, width + 1.2, width + 3, 9]):
        if np.any(chosen := depth == level):
            layer = splat(points[chosen], weights[chosen], size)
            # wider blur spreads the light: give some back, as thicker structures hold more
            image += (blur(layer, sigma) if sigma else layer) * np.sqrt(1 + sigma)
    return image


def microtubules(rng: Random, scene: Scene) -> np.ndarray:
    """Draw long stiff filaments, partly from a centre beside the nucleus."""
    count = int(between(rng, 150, 1500))
    starts = scatter(rng, count, scene.body * (0.1 + scene.crowd) * (1 - 0.6 * scene.nuclear))
    angles = rng.uniform(0, 2 * np.pi, count)
    aster = rng.random(count) < rng.choice([0.0, 0.5, 0.9])
    owners = rng.integers(0, len(scene.cells), count)
    origins = np.array([nucleus[rng.integers(len(nucleus))] for nucleus in scene.nuclei])[owners]
    starts = np.where(aster[:, None], origins + rng.normal(0, between(rng, 1.5, 12), (count, 2)), starts)
    lengths = np.minimum(between(rng, 60, 400) * lognormal(rng, 0.5, count), 480)
    persistence = between(rng, 40, 800)
    paths = grow(rng, starts, angles, lengths, persistence, scene.labels)
    width = rng.choice([0, rng.uniform(0, 0.7)])
    return draw_chains(rng, paths, rng.uniform(0.1, 0.6), scene.size, width=width, deep=rng.uniform(0, 0.5))


def stress_fibres(rng: Random, scene: Scene) -> np.ndarray:
    """Draw straight, roughly parallel bundles with bright cell borders, as actin."""
    count = int(between(rng, 100, 700))
    size = scene.size
    sway = field(rng, size, 4, 20, 0.3 * size) * rng.uniform(0.05, 0.4)
    starts = scatter(rng, count, scene.body * np.exp(rng.uniform(0, 1.2) * field(rng, size, 3, 10)))
    cells = np.maximum(scene.labels[tuple(np.clip(np.rint(starts), 0, size - 1).astype(int).T)], 1)
    index = tuple(np.clip(starts * SUPER, 0, size * SUPER - 1).astype(int).T)
    angles = (
        (rng.uniform(0, np.pi) + rng.normal(0, 0.5, len(scene.cells) + 1))[cells]
        + sway[index]
        + rng.normal(0, 0.12, count)
    )
    angles = angles + np.pi * rng.integers(0, 2, count)
    lengths = np.minimum(between(rng, 40, 250) * lognormal(rng, 0.6, count), 450)
    points, alive = grow(rng, starts, angles, lengths, between(rng, 500, 5000), scene.labels, turn=False)
    strands = rng.integers(1, int(rng.integers(2, 8)), count)
    which = np.repeat(np.arange(count), strands)
    offsets = rng.normal(0, between(rng, 0.5, 2.0), (len(which), 2))
    paths = points[which] + offsets[:, None], alive[which]
    image = draw_chains(
        rng, paths, rng.uniform(0.3, 1), size, width=rng.uniform(0, 0.8), deep=rng.uniform(0, 0.4), taper=0.3
    )
    edges = edge_lines(rng, scene, rng.uniform(0.3, 1.0))
    return unit(image) + rng.uniform(0, 1.2) * unit(blur(edges, rng.uniform(0.3, 2.0)))


def mesh(rng: Random, scene: Scene) -> np.ndarray:
    """Draw a dense felt of short curved filaments, and hairs at the borders."""
    count = int(between(rng, 1500, 9000))
    place = scene.body * np.exp(rng.uniform(0.2, 1.5) * field(rng, scene.size, 3, 8))
    starts = scatter(rng, count, place)
    lengths = np.minimum(between(rng, 8, 40) * lognormal(rng, 0.4, count), 100)
    angles = rng.uniform(0, 2 * np.pi, count)
    paths = grow(rng, starts, angles, lengths, between(rng, 8, 80), scene.labels, turn=False)
    image = draw_chains(rng, paths, rng.uniform(0.2, 0.8), scene.size, width=rng.uniform(0, 0.8), deep=0.4)
    return unit(image) + rng.uniform(0, 1) * unit(hairs(rng, scene))


def hairs(rng: Random, scene: Scene) -> np.ndarray:
    """Draw filopodia: short filaments that leave the cells."""
    border = np.concatenate(scene.cells)
    middles = np.concatenate([np.broadcast_to(cell.mean(0), cell.shape) for cell in scene.cells])
    count = int(np.clip(len(border) * between(rng, 0.01, 0.2), 1, 2500))
    chosen = rng.integers(0, len(border), count)
    outward = (border - middles)[chosen]
    angles = np.arctan2(outward[:, 0], outward[:, 1]) + rng.normal(0, 0.5, count)
    lengths = np.minimum(between(rng, 4, 20) * lognormal(rng, 0.5, count), 60)
    starts = border[chosen] - 3 * heading(angles)
    return draw_chains(rng, grow(rng, starts, angles, lengths, 60), 0.6, scene.size, width=0.2, deep=0.2)


def mitochondria(rng: Random, scene: Scene) -> np.ndarray:
    """Draw branched tubes, beads and rings around the nuclei."""
    density = scene.crowd ** rng.uniform(0.5, 2) * np.exp(rng.uniform(0, 1) * field(rng, scene.size, 3, 10))
    area = float(scene.body.mean()) * scene.size**2
    radius = between(rng, 1.2, 5)
    count = int(np.clip(area / (radius * between(rng, 60, 500)), 8, 500))
    typical = between(rng, 6, 90) * np.sqrt(radius / 2)
    lengths = np.minimum(typical * lognormal(rng, 0.6, count), 150)
    curl = rng.normal(0, rng.choice([0.0, 0.12 / radius, 0.35 / radius]), count)
    starts = scatter(rng, count, density)
    bend = between(rng, 6, 60) * radius / 2
    points, alive = grow(rng, starts, rng.uniform(0, 7, count), lengths, bend, scene.cytosol, curl=curl)
    branches = int(count * rng.uniform(0, 1.0))
    if branches and alive.any():
        starts = points[alive][rng.integers(0, alive.sum(), branches)]
        lengths = np.minimum(0.5 * typical * lognormal(rng, 0.5, branches), points.shape[1] * 0.8 - 2)
        more = grow(rng, starts, rng.uniform(0, 7, branches), lengths, bend, scene.cytosol)
        steps = min(points.shape[1], more[0].shape[1])
        points = np.concatenate([points[:, :steps], more[0][:, :steps]])
        alive = np.concatenate([alive[:, :steps], more[1][:, :steps]])
    shape = alive.shape
    radii = radius * lognormal(rng, 0.15, (shape[0], 1)) * (1 + 0.15 * wobble(rng, shape, 5))
    levels = lognormal(rng, rng.uniform(0.2, 0.7), (shape[0], 1)) * np.exp(0.25 * wobble(rng, shape, 4))
    hollow = rng.choice([0.0, rng.uniform(0.3, 1)]) if radius > 2 else 0.0
    return tubes((points, alive), np.maximum(radii, 0.7), levels, hollow, between(rng, 0.6, 1.0), scene.size)


def rods(rng: Random, scene: Scene) -> np.ndarray:
    """Draw bacteria: straight or bent capsules in crowds."""
    radius = between(rng, 1.5, 6)
    count = int(between(rng, 40, 1500) / radius**0.5)
    density = np.exp(rng.uniform(0.5, 3) * field(rng, scene.size, 3, 12, 120))
    sway = field(rng, scene.size, 4, 12, 100)
    starts = scatter(rng, count, density.astype(np.float32))
    index = tuple(np.clip(starts * SUPER, 0, scene.size * SUPER - 1).astype(int).T)
    angles = rng.uniform(0.2, 2) * sway[index] + rng.choice([0.1, 2]) * rng.normal(size=count)
    lengths = np.minimum(radius * between(rng, 3, 40) * lognormal(rng, 0.3, count), 200)
    paths = grow(rng, starts, angles, lengths, between(rng, 8, 100) * radius)
    levels = lognormal(rng, rng.uniform(0.2, 0.8), (count, 1))
    return tubes(
        paths, np.full((count, 1), radius), levels, rng.choice([0, 0, 0.8]), between(rng, 0.7, 1.1), scene.size
    )


def neuron(rng: Random, scene: Scene) -> np.ndarray:
    """Draw cell bodies with tapering branches and beads on them."""
    size, bodies = scene.size, int(rng.integers(1, 4))
    centres = rng.uniform(0.1, 0.9, (bodies, 2)) * size
    count = 5 * bodies
    starts = np.repeat(centres, 5, 0)
    lengths = np.minimum(between(rng, 120, 400) * lognormal(rng, 0.3, count), 500)
    radius, bend = between(rng, 1.5, 5), between(rng, 150, 800)
    points, alive = grow(rng, starts, rng.uniform(0, 2 * np.pi, count), lengths, bend)
    steps = points.shape[1]
    kids = int(rng.integers(8, 50))
    parent, when = (part[rng.integers(0, alive.sum(), kids)] for part in np.nonzero(alive))
    course = points[parent, when] - starts[parent]
    angles = np.arctan2(course[:, 0], course[:, 1]) + rng.choice([-1, 1], kids) * rng.uniform(0.3, 1.1, kids)
    reach = np.minimum(lengths.max() * rng.uniform(0.1, 0.8, kids), 400)
    more = grow(rng, points[parent, when], angles, reach, bend)
    image = np.zeros((size * SUPER,) * 2, np.float32)
    for paths, thick in (((points, alive), radius), (more, 0.5 * radius)):
        length = np.maximum(paths[1].sum(1, keepdims=True), 1)
        taper = np.clip(1 - np.arange(paths[1].shape[1]) / length, 0.15, 1) * np.exp(
            0.15 * wobble(rng, paths[1].shape, 6)
        )
        image = np.maximum(image, tubes(paths, np.maximum(thick * taper, 0.6), 0.35 + 0.65 * taper, 0, 1, size))
    soma = fill([outline(rng, centre, 5 * radius, 1.3, 0.1) for centre in centres], between(rng, 1, 4), size)
    everywhere = np.concatenate([points[alive], more[0][more[1]]])
    spines = everywhere[rng.integers(0, len(everywhere), steps)] + rng.normal(0, 1.5 * radius, (steps, 2))
    beads = blur(splat(spines, lognormal(rng, 0.8, steps), size), rng.uniform(0.5, 1.5))
    thin = int(between(rng, 5, 80))
    axons = grow(rng, rng.uniform(0, size, (thin, 2)), rng.uniform(0, 7, thin), rng.uniform(50, 500, thin), bend)
    faint = unit(draw_chains(rng, axons, 0.8, size, width=0.3, deep=0.5))
    return image + blur(soma, radius) + rng.uniform(0, 1.5) * unit(beads) + rng.uniform(0, 0.5) * faint


def reticulum(rng: Random, scene: Scene) -> np.ndarray:
    """Draw an ER-like net of tubules with sheets near the nucleus and the nuclear envelope."""
    size = scene.size
    holes = voronoi_cells(rng, size, between(rng, 4, 12), rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.5))
    near = reduce(scene.crowd, SUPER)
    middles = np.clip(np.array([hole.mean(0) for hole in holes]), 0, size - 1).astype(int)
    closeness = near[tuple(middles.T)] / (near.max() + 1e-9)
    solid = rng.random(len(holes)) < closeness ** rng.uniform(0.8, 3) * rng.uniform(0.2, 0.9)
    lines = [hole for hole in holes if rng.random() < 0.8]
    spread = rng.uniform(0.1, 0.5)
    weights = np.concatenate([np.exp(spread * wobble(rng, (len(line),), 8, closed=True)) for line in lines])
    net = blur(splat(np.concatenate(lines), weights, size), rng.uniform(0.1, 1.0))
    sheets = fill([hole for hole, full in zip(holes, solid, strict=True) if full], 1, size) * (
        1 + 0.3 * field(rng, size, 2, 2)
    )
    edge = splat(np.concatenate([dense(nucleus) for nucleus in scene.nuclei]), 1, size)
    image = unit(net) + rng.uniform(0.3, 1) * np.clip(sheets, 0, 3) * np.sqrt(np.clip(scene.crowd * 2, 0, 1))
    fading = np.exp(0.4 * field(rng, size, 3, 12)) * (0.4 + scene.crowd / (scene.crowd.max() + 1e-9))
    inside = ndimage.gaussian_filter(scene.body * (1 - scene.nuclear), 2)
    return image * inside * fading + rng.uniform(0.3, 1.2) * unit(blur(edge, 0.6)) * (len(scene.nuclei) > 0)


def vesicles(rng: Random, scene: Scene) -> np.ndarray:
    """Draw spots from points to hollow vesicles, partly in clusters, of widely varying brightness."""
    size = scene.size
    count = int(between(rng, 100, 4000))
    density = (scene.body * (1 - scene.nuclear)) * np.exp(rng.uniform(0, 1.5) * field(rng, size, 3, 6))
    places = scatter(rng, count, density * (0.05 + scene.crowd) ** rng.uniform(0, 1.5))
    if rng.random() < 0.4:
        parents = places[rng.integers(0, max(2, count // 12), count)]
        places = parents + rng.normal(0, between(rng, 3, 15), (count, 2))
    levels = lognormal(rng, rng.uniform(0.3, 1.1), count)
    image = blur(splat(places, levels, size), rng.uniform(0, 1))
    image = unit(image) * rng.uniform(0.3, 1)
    large = int(min(between(rng, 4, 250), count)) if rng.random() < 0.75 else 0
    typical, hollow, spread = between(rng, 1.5, 7), rng.random() < 0.6, rng.uniform(0.1, 0.6)
    discs = [disc(typical * lognormal(rng, spread, 1)[0], hollow, between(rng, 0.6, 1.1)) for _ in range(large)]
    for place, level, stamp in zip(places, lognormal(rng, 0.6, large), discs, strict=False):
        add(image, stamp * level, place)
    return image


def disc(radius: float, hollow: bool, wall: float) -> np.ndarray:
    """Return a fine stamp of a ball or of a hollow vesicle."""
    reach = int((radius + 3 * wall) * SUPER) + 1
    distance = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) / SUPER
    if hollow:
        return np.exp(-(((distance - radius) / wall) ** 2)) + 0.15 * (distance < radius)
    return np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, None))


def add(image: np.ndarray, stamp: np.ndarray, place: np.ndarray) -> None:
    """Add a stamp to an image in place, where it lies inside."""
    half, size = len(stamp) // 2, len(image)
    top, left = np.rint(place * SUPER).astype(int) - half
    rows = slice(max(0, top), max(0, min(size, top + len(stamp))))
    columns = slice(max(0, left), max(0, min(size, left + len(stamp))))
    if rows.start < rows.stop and columns.start < columns.stop:
        image[rows, columns] += stamp[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def edge_lines(rng: Random, scene: Scene, spread: float) -> np.ndarray:
    """Draw the outlines of the cells, with brightness that varies along them."""
    weights = [
        level * np.exp(spread * wobble(rng, (len(cell),), between(rng, 4, 60), closed=True))
        for cell, level in zip(scene.cells, scene.levels, strict=True)
    ]
    return splat(np.concatenate(scene.cells), np.concatenate(weights), scene.size)


def fold(rng: Random, cell: np.ndarray, depth: float, length: float) -> np.ndarray:
    """Return an outline that dents inwards in places, by ``depth`` of the way to the middle."""
    dents = np.clip(wobble(rng, (len(cell),), length, closed=True), 0, 3)[:, None]
    return cell + (cell.mean(0) - cell) * dents * depth


def membranes(rng: Random, scene: Scene) -> np.ndarray:
    """Draw cell membranes with folds, filopodia and spots on them."""
    width = rng.choice([0.0, rng.uniform(0, 1.5)])
    image = edge_lines(rng, scene, rng.uniform(0.1, 0.5))
    if rng.random() < 0.5:
        depth, length = between(rng, 1, 6), between(rng, 3, 12)
        folded = [fold(rng, cell, depth / scene.radius, length) for cell in scene.cells]
        image += edge_lines(rng, Scene(scene.size, scene.radius, folded, [], scene.levels), 0.6)
    image = unit(blur(image, width))
    if rng.random() < 0.4:
        image += rng.uniform(0.2, 0.8) * unit(hairs(rng, scene))
    if rng.random() < 0.5:
        spots = scatter(rng, int(between(rng, 10, 400)), blur(image, 2) ** 1.5)
        image += rng.uniform(0.3, 1.2) * unit(blur(splat(spots, lognormal(rng, 0.6, len(spots)), scene.size), 1.0))
    inside = scene.level * (1 + 0.25 * field(rng, scene.size, 2.5, 1.5))
    return image + rng.choice([0.01, rng.uniform(0.02, 0.12)]) * inside


def walls(rng: Random, scene: Scene) -> np.ndarray:
    """Draw plant tissue: thick walls around dark rounded lumens."""
    round_off, thick = between(rng, 0.02, 0.3), between(rng, 0.7, 0.12 * scene.radius + 1.5)
    lumens = []
    for cell in scene.cells:
        curve = ndimage.gaussian_filter1d(cell, round_off * len(cell) / 3, axis=0, mode="wrap")
        lumens.append(
            curve.mean(0) + (curve - curve.mean(0)) * max(0.3, 1 - thick * lognormal(rng, 0.3, 1)[0] / scene.radius)
        )
    solid = (1 - fill(lumens, 1, scene.size)) * np.clip(blur(scene.body, 1), 0, 1)
    tone = np.exp(rng.uniform(0.1, 0.6) * field(rng, scene.size, 3, 2 * scene.radius, 300))
    rim = unit(blur(splat(np.concatenate(lumens), 1, scene.size), 0.8)) * (scene.body > 0)
    content = fill(lumens, lognormal(rng, 1.0, len(lumens)), scene.size) * (1 + 0.4 * field(rng, scene.size, 2, 1.5))
    return (solid + rng.uniform(0, 0.7) * rim) * tone + rng.choice([0.01, rng.uniform(0.02, 0.2)]) * content


def nuclei(rng: Random, scene: Scene) -> np.ndarray:
    """Draw nuclei with chromatin texture and dark nucleoli, some others out of focus."""
    size = scene.size
    inner = 0.45 * scene.radius
    texture = {
        "cloud": lambda: field(rng, size, rng.uniform(0.7, 2.3), rng.uniform(0.5, 2), inner),
        "worms": lambda: 1.4 * np.tanh(1.5 * field(rng, size, 0, *(between(rng, 1.5, 4) * np.array([1, 1.3])))),
    }[str(rng.choice(["cloud", "cloud", "worms"]))]()
    image = fill(scene.nuclei, scene.levels, size) * np.clip(1 + between(rng, 0.12, 0.6) * texture, 0.1, 3)
    if inner > 12:
        count = int(between(rng, 3, 40)) * len(scene.nuclei)
        spots = splat(scatter(rng, min(count, 4000), scene.nuclear), 1, size)
        spots = blur(spots, between(rng, 0.8, 2.5)) * scene.nuclear
        image += rng.choice([0, rng.uniform(0.1, 1.0)]) * unit(spots) * scene.nuclear
        dark = [
            outline(rng, nucleus.mean(0) + rng.normal(0, 0.3, 2) * inner, inner * rng.uniform(0.1, 0.25), 1.2, 0.08)
            for nucleus in scene.nuclei
            for _ in range(rng.integers(0, 4))
        ]
        image *= 1 - rng.uniform(0.2, 0.8) * blur(fill(dark, 1, size), between(rng, 0.7, 2))
    deep = [outline(rng, rng.uniform(0, size, 2), inner * rng.uniform(0.8, 1.2)) for _ in range(len(scene.nuclei) // 3)]
    away = blur(fill(deep, 1, size), between(rng, 3, 12))
    return blur(image, rng.uniform(0, 0.8)) + rng.choice([0, rng.uniform(0, 0.35)]) * away


def envelope(rng: Random, scene: Scene) -> np.ndarray:
    """Draw nuclear envelopes of single pores, and a weak inside."""
    line = np.concatenate([dense(nucleus, between(rng, 0.3, 2)) for nucleus in scene.nuclei])
    line = line + rng.normal(0, rng.uniform(0.2, 0.6), line.shape)
    rim = blur(splat(line, lognormal(rng, rng.uniform(0.2, 0.8), len(line)), scene.size), rng.uniform(0, 1))
    pores = scatter(rng, int(between(rng, 20, 3000)), scene.nuclear + 0.02 * scene.body)
    dots = blur(splat(pores, lognormal(rng, 0.5, len(pores)), scene.size), 0.3)
    inside = scene.nuclear * (1 + 0.2 * field(rng, scene.size, 1.5, 1))
    return unit(rim) + rng.uniform(0, 0.5) * unit(dots) + rng.uniform(0.02, 0.4) * inside


def cytoplasm(rng: Random, scene: Scene) -> np.ndarray:
    """Draw the cells' bodies: thick in the middle, textured, with dark or bright nuclei."""
    size = scene.size
    texture = np.exp(rng.uniform(0.1, 0.6) * field(rng, size, rng.uniform(0.8, 3), between(rng, 0.5, 4), scene.radius))
    image = scene.level * scene.height ** rng.uniform(0.3, 1.5) * texture
    return image * (1 + (rng.choice([rng.uniform(-0.95, -0.3), rng.uniform(0, 1.5)])) * blur(scene.nuclear, 1.0))


def unit(image: np.ndarray) -> np.ndarray:
    """Return an image whose bright structures are about 1."""
    bright = image[image > 0.03 * image.max()]
    return image / np.percentile(bright, 95) if bright.size else image


KINDS: dict[str, tuple[Layer, float, float, float]] = {
    # layer, smallest and largest cell radius in pixels, most cytoplasm added to it
    "microtubules": (microtubules, 120, 600, 0.2),
    "actin": (stress_fibres, 120, 600, 0.4),
    "felt": (mesh, 100, 600, 0.3),
    "mitochondria": (mitochondria, 60, 350, 0.15),
    "reticulum": (reticulum, 150, 500, 0.2),
    "vesicles": (vesicles, 60, 400, 0.3),
    "membranes": (membranes, 12, 100, 0.05),
    "walls": (walls, 7, 60, 0.0),
    "nuclei": (nuclei, 18, 180, 0.15),
    "envelope": (envelope, 35, 250, 0.2),
    "cytoplasm": (cytoplasm, 25, 220, 0.0),
    "rods": (rods, 100, 300, 0.0),
    "neuron": (neuron, 60, 200, 0.05),
}
ORDER = [*KINDS, "composite", "microtubules", "composite", "mitochondria", "composite", "actin", "nuclei"]
MIXED = ["microtubules", "actin", "felt", "mitochondria", "reticulum", "vesicles", "nuclei", "envelope", "cytoplasm"]
LAYOUT = {"walls": ["tissue"], "membranes": ["tissue", "tissue", "holes", "single"]}


def structures(rng: Random, kind: str, size: int) -> np.ndarray:
    """Draw the fine image of a kind, without optics."""
    names = (
        [str(name) for name in rng.choice(MIXED, rng.integers(2, 4), replace=False)] if kind == "composite" else [kind]
    )
    _, low, high, extra = KINDS[names[0]] if kind != "composite" else (None, 90, 400, 0.3)
    share = rng.uniform(0.5, 0.75) if kind == "nuclei" else rng.uniform(0.28, 0.48)
    layouts = LAYOUT.get(kind, ["tissue", "holes", "holes", "single", "single", "single"])
    scene = make_scene(rng, size, low, high, str(rng.choice(layouts)), share)
    while scene.body.mean() < 0.15 and kind != "rods":
        scene = make_scene(rng, size, low, high, str(rng.choice(layouts)), share)
    image = np.zeros((size * SUPER,) * 2, np.float32)
    for name in names:
        image += between(rng, 0.3, 1) * unit(KINDS[name][0](rng, scene))
    if extra and rng.random() < 0.7:
        image += extra * rng.random() ** 2 * unit(cytoplasm(rng, scene))
    return image


def instrument(rng: Random, image: np.ndarray) -> np.ndarray:
    """Add haze, uneven illumination and background, apply the PSF and reduce to finished pixels."""
    size = len(image) // SUPER
    for sigma, most in ((between(rng, 3, 8), 0.4), (between(rng, 15, 50), 0.8)):
        image = image + most * rng.random() ** 2 * blur(image, sigma)
    if rng.random() < 0.5:  # uneven labelling
        image = image * np.clip(1 + rng.uniform(0.05, 0.25) * field(rng, size, 0.5, 0.6), 0.1, 2)
    if rng.random() < 0.6:
        light = 1 + rng.uniform(0.05, 0.35) * np.clip(field(rng, size, 4, 60, 0.7 * size), -2, 2)
        image = image * np.clip(light, 0.15, None)
    level = np.percentile(image, 99.8)
    floor = level * rng.choice([0.0, between(rng, 0.002, 0.05), between(rng, 0.03, 0.35)])
    image = blur(image, between(rng, 0.5, 1.1)) + floor
    return reduce(image, SUPER)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def simulate(seed: tuple[int, ...], kind: str, size: int) -> np.ndarray:
    """Return one finished uint16 image."""
    rng = np.random.default_rng(seed)
    image = instrument(rng, structures(rng, kind, size + 2 * MARGIN))
    scale = min(between(rng, 0.2, 0.9) / np.percentile(image, 99.9), 1 / image.max())
    return np.rint(np.clip(image * scale, 0, 1) * 65535).astype(np.uint16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two stacks")
    parser.add_argument("--train", type=int, default=160, help="training images")
    parser.add_argument("--val", type=int, default=16, help="validation images")
    parser.add_argument("--size", type=int, default=512, help="pixels on a side, a multiple of 32")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for part, (name, count) in enumerate({"train": options.train, "val": options.val}.items()):
        images = [simulate((options.seed, part, i), ORDER[i % len(ORDER)], options.size) for i in range(count)]
        if images:
            target = options.out / f"simulated_{name}.tif"
            tifffile.imwrite(target, np.stack(images), compression="deflate", predictor=2, metadata={"axes": "QYX"})
            print(f"{target}: {count} images", flush=True)


if __name__ == "__main__":
    main()
