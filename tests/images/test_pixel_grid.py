"""Grids of pixels: distances, and whether pixels are squares."""

import numpy as np
import pytest

from napari_sr.images.grid import Grid

TURN = np.deg2rad(30)
TURNED = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]])


@pytest.mark.parametrize(
    ("matrix", "square"),
    [
        (np.eye(2) * 4, True), (TURNED * 0.01, True), ([[0, 3], [3, 0]], True), (TURNED @ np.diag([1, 1.004]), True),
        (np.diag([10, 4]), False), (TURNED @ np.diag([10, 4]), False), ([[1, 0.3], [0, 1]], False),
    ],
)  # fmt: skip
def test_squares(matrix, square):
    rows = tuple((float(a), float(b)) for a, b in np.asarray(matrix))
    assert Grid(rows).is_square == square


def test_lengths_are_those_of_the_world():
    grid = Grid(((10.0, 0.0), (0.0, 4.0)), (7.0, 8.0))
    assert grid.length(3, 10) == pytest.approx(50)
    assert grid.length(-1, 0) == pytest.approx(10)
