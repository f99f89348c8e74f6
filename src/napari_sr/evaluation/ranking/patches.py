"""Cutting the patches of a blind ranking out of images that lie over each other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.evaluation.comparison import ComparisonProgress, Region
from napari_sr.evaluation.ranking.session import REFERENCE, Question, Session
from napari_sr.evaluation.tally import seen_beside
from napari_sr.images.grid import Grid, GridImage, onto, overlap
from napari_sr.metrics.consistency import intensity_fit

#: patches with less contrast than this share of the image's are empty; how often another place is tried
EMPTY, DRAWS = 0.25, 50


def iter_ranking(
    folder: Path,
    reference: GridImage,
    candidates: Sequence[GridImage],
    *,
    count: int = 10,
    side: int = 128,
    chosen: Sequence[Region] = (),
    plane: int = 0,
    match: bool = False,
    density: bool = False,
    seed: int = 0,
) -> Generator[ComparisonProgress | Session, None, None]:
    """Cut patches and write a new ranking into ``folder``; ends with the :class:`Session`.

    Parameters
    ----------
    folder
        Of the session.
    reference, candidates
        The truth, and what is ranked.
    count, side
        Number of patches at random places, and their side in pixels of the reference. Empty places are avoided.
    chosen, plane
        Places that were chosen instead, in one plane: a patch around the middle of each.
    match
        Fit scale and offset of every image to the reference, patch by patch: for images in other units.
    density
        Show log10(density + 0.02).
    seed
        Of the places, and of the order in which pictures are shown.

    Raises
    ------
    ImageError
        If the images do not overlap in a patch, or the session cannot be written.
    """
    shape, rng = reference.layout.plane_shape, np.random.default_rng(seed)
    low, high = np.zeros(2, int), np.array(shape)
    for candidate in candidates:
        if candidate.count() not in (1, reference.count()):
            raise ImageError(f"{candidate.name} and {reference.name} do not have as many planes.")
        try:
            inside = overlap(candidate.layout.plane_shape, candidate.grid, reference.grid, shape)
        except ImageError:
            raise ImageError(f"{candidate.name} and {reference.name} do not overlap.") from None
        low = np.maximum(low, (inside.rows.start, inside.columns.start))
        high = np.minimum(high, (inside.rows.stop, inside.columns.stop))
    if (high - low < side).any():
        raise ImageError(
            f"What all images share is {max(0, high[0] - low[0])} × {max(0, high[1] - low[1])} pixels: "
            f"too small for patches of {side}. Choose smaller ones."
        )
    questions: list[Question] = []
    pictures: dict[tuple[int, str], npt.NDArray[Any]] = {}
    for number in range(len(chosen) or count):
        yield ComparisonProgress(number / (len(chosen) or count), f"Cutting patch {number + 1} …")
        if chosen:
            place = chosen[number]
            middle = np.array([place.rows.start + place.rows.stop, place.columns.start + place.columns.stop]) // 2
            row, column = (int(v) for v in np.clip(middle - side // 2, low, high - side))
            question = Question(reference.name, plane, row, column, side)
        else:
            question = _drawn(reference, side, low, high, rng)
        questions.append(question)
        window = _window(reference.grid, question)
        view = None
        for name, image in ((REFERENCE, reference), *((c.name, c) for c in candidates)):
            whole = image.plane(question.plane if image.count() > 1 else 0)
            view = view or seen_beside(whole, density=density)  # the reference comes first
            # the logarithm first: splines through densities ring, down to negative ones
            cut = np.asarray(onto(view(whole), image.grid, window, (side, side)), dtype=np.float32)
            if match and name != REFERENCE:
                scale, offset = intensity_fit(cut, pictures[number, REFERENCE])
                cut = np.asarray(scale * cut + offset, dtype=np.float32)
            pictures[number, name] = cut
    names = [c.name for c in candidates]
    yield Session.create(folder, methods=names, questions=questions, pictures=pictures, seed=seed)


def _drawn(
    reference: GridImage, side: int, low: npt.NDArray[Any], high: npt.NDArray[Any], rng: np.random.Generator
) -> Question:
    """Return a place at random, with something in it."""
    number = int(rng.integers(reference.count()))
    plane = reference.plane(number)
    least = EMPTY * float(np.std(plane[:: max(1, plane.shape[0] // 512), :: max(1, plane.shape[1] // 512)]))
    for _ in range(DRAWS):
        row, column = (int(rng.integers(a, b - side + 1)) for a, b in zip(low, high, strict=True))
        if float(np.std(plane[row : row + side, column : column + side])) >= least:
            break
    return Question(reference.name, number, row, column, side)


def _window(grid: Grid, question: Question) -> Grid:
    offset = np.array(grid.matrix) @ np.array([question.row, question.column]) + np.array(grid.offset)
    return Grid(grid.matrix, (float(offset[0]), float(offset[1])))
