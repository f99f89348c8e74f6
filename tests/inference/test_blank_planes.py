"""A stack with blank planes is told what its others suffer from, and measured by them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from small_models import make_model

from napari_sr.estimation import is_blank
from napari_sr.evaluation.trust import iter_consistency
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, iter_upscale
from napari_sr.inference.conditions import estimate_conditions, telling_square
from napari_sr.intensity import Intensity


@pytest.fixture
def plane(rng):
    return (1000 + 800 * gaussian_filter(rng.normal(size=(48, 56)), 1.5)).astype(np.float32)


@pytest.mark.parametrize("value", [0.0, 1000.0, np.nan])
@pytest.mark.parametrize(
    ("axes", "blank"),
    [("ZYX", (1, 2)), ("TYX", (2,)), ("TZYX", ((1, 1), (0, 1), (1, 0))), ("CYX", ()), ("YXZ", (1, 2))],
)
def test_the_plane_that_is_nearest_to_the_middle_and_holds_something(plane, axes, blank, value):
    lengths = {"Z": 4, "T": 4, "C": 2} if axes != "TZYX" else {"T": 2, "Z": 2}
    others = [lengths[a] for a in axes if a not in "YX"]
    stack = np.broadcast_to(plane, (*others, *plane.shape)).copy()
    for index in blank:
        stack[index] = value
    image = np.moveaxis(stack, 0, -1) if axes == "YXZ" else stack
    index, square = telling_square(image, Layout(axes, image.shape))
    np.testing.assert_array_equal(square, plane)
    assert not is_blank(stack[index])


def test_of_long_stacks_some_are_tried_and_of_blank_ones_the_middle_is_taken(plane):
    read = []

    class Counted(np.ndarray):
        def __getitem__(self, window):
            read.append(window)
            return np.asarray(super().__getitem__(window))

    stack = np.zeros((1000, 40, 40), np.uint8).view(Counted)
    index, square = telling_square(stack, Layout("TYX", stack.shape))
    assert index == (500,)
    assert is_blank(square)
    assert len(read) <= 12


def test_a_blank_plane_is_not_noisy():
    conditions = make_model("adaptive", 2).network.conditions
    for value in (0, 128):
        blank = np.full((64, 64), value, np.uint8)
        told = estimate_conditions(conditions, blank, Intensity().fit(blank))
        assert told == {c.name: c.default for c in conditions}


def test_a_blank_middle_plane_changes_no_other(plane):
    model = make_model("adaptive", 2)

    def run(stack):
        *_, done = iter_upscale(stack, model, axes="ZYX", device="cpu", precision="fp32")
        assert isinstance(done, Finished)
        return done.report.notes

    blank = np.full_like(plane, plane.mean())
    assert run(np.stack([plane, blank, plane])) == run(np.stack([plane, plane, plane]))


def test_consistency_of_a_stack_with_a_blank_plane(plane):
    stack = np.stack([plane, np.zeros_like(plane), plane])
    sr = stack.repeat(2, axis=1).repeat(2, axis=2)
    *_, found = iter_consistency(sr, stack, axes="ZYX", scale=2)
    *_, alone = iter_consistency(sr[:1], stack[:1], axes="ZYX", scale=2)
    assert found.rsp == pytest.approx(alone.rsp, rel=1e-6)
