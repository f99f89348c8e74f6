import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.errors import ConfigError
from napari_sr.inference.tiles import MORE, NARROW, STRETCH, fitted_tile, plan_axis, plan_tiles, smallest_tile


@st.composite
def axis(draw):
    halo, blend = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    tile = draw(st.integers(2 * halo + 2 * blend + 1, 80))
    return {"length": draw(st.integers(1, 400)), "tile": tile, "halo": halo, "blend": blend}


@given(axis(), st.integers(1, 4))
def test_weights_sum_to_one_everywhere(case, scale):
    spans = plan_axis(case["length"], tile=case["tile"], halo=case["halo"], blend=case["blend"])
    total = np.zeros(case["length"] * scale)
    for span in spans:
        total[span.target(scale)] += span.weights(scale)
        assert (span.weights(scale) > 0).all()
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(axis())
def test_geometry(case):
    """Windows lie in the image, have one size, keep their context, and cut sharply without blending."""
    length, tile, halo, blend = case["length"], case["tile"], case["halo"], case["blend"]
    spans = plan_axis(length, tile=tile, halo=halo, blend=blend)
    assert spans[0].inner_start == 0
    assert spans[-1].inner_stop == length
    for span in spans:
        assert 0 <= span.outer_start <= span.inner_start < span.inner_stop <= span.outer_stop <= length
        assert span.outer_stop - span.outer_start == min(tile, length)
        assert span.inner_start == 0 or span.inner_start - span.outer_start >= halo
        assert span.inner_stop == length or span.outer_stop - span.inner_stop >= halo
        kept = span.kept(3)
        assert kept.stop - kept.start == 3 * (span.inner_stop - span.inner_start)
    for before, after in itertools.pairwise(spans):
        shared = before.inner_stop - after.inner_start
        assert shared == min(blend, *(b.outer_start - a.outer_start for a, b in itertools.pairwise(spans)), blend)
        assert (shared > 0) == (blend > 0)


def test_every_pixel_is_kept_exactly_once_in_two_dimensions():
    plan = plan_tiles((53, 91), scale=2, tile=24, halo=5)
    count = np.zeros((106, 182), int)
    for row, column in plan:
        count[row.target(2), column.target(2)] += 1
    assert (count == 1).all()
    assert len(plan) == len(plan.rows) * len(plan.columns)


def test_a_tile_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigError, match="use at least 41"):
        plan_axis(100, tile=30, halo=20, blend=0)
    with pytest.raises(ConfigError, match="at least one pixel"):
        plan_axis(0, tile=30, halo=2, blend=0)


@given(
    length=st.integers(1, 400), tile=st.integers(8, 120), halo=st.integers(0, 12), blend=st.integers(0, 6),
    grid=st.integers(2, 16),
)  # fmt: skip
def test_windows_begin_on_the_grid_and_keep_every_pixel(length, tile, halo, blend, grid):
    if tile < length and tile < smallest_tile(halo=halo, blend=blend, grid=grid):
        with pytest.raises(ConfigError, match=f"use at least {smallest_tile(halo=halo, blend=blend, grid=grid)}"):
            plan_axis(length, tile=tile, halo=halo, blend=blend, grid=grid)
        return
    spans = plan_axis(length, tile=tile, halo=halo, blend=blend, grid=grid)
    total = np.zeros(length)
    for span in spans:
        assert span.outer_start % grid == 0
        assert span.outer_stop - span.outer_start <= max(tile, 0)
        assert 0 <= span.outer_start <= span.inner_start < span.inner_stop <= span.outer_stop <= length
        assert span.inner_start - span.outer_start >= (halo if span.outer_start else 0)
        assert span.outer_stop - span.inner_stop >= (halo if span.outer_stop < length else 0)
        total[span.inner_start : span.inner_stop] += span.weights(1)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(
    length=st.integers(1, 3000), tile=st.integers(48, 300), halo=st.integers(0, 12), blend=st.integers(0, 6),
    grid=st.integers(1, 8),
)  # fmt: skip
def test_fitted_windows_are_no_more_and_read_no_more(length, tile, halo, blend, grid):
    settings = {"halo": halo, "blend": blend, "grid": grid}
    plain = plan_axis(length, tile=tile, **settings)
    side = fitted_tile(length, tile=tile, **settings)
    fitted = plan_axis(length, tile=side, **settings)
    assert side <= (1 + STRETCH) * tile
    assert len(fitted) <= len(plain)

    def read(spans):
        return sum(span.outer_stop - span.outer_start for span in spans)

    assert read(fitted) <= read(plain)


def test_two_windows_do_where_three_would():
    assert fitted_tile(512, tile=256, halo=11, blend=0) == 267


@pytest.mark.parametrize("halo", [0, 5, 13, 40])
@pytest.mark.parametrize("length", [*range(240, 300, 7), 512, 777, 1024])
@pytest.mark.parametrize("tile", [192, 256])
def test_long_windows_are_multiples_if_they_should_be(length, tile, halo):
    plain = plan_tiles((length, length), scale=2, tile=tile, halo=halo, fit=True)
    plan = plan_tiles((length, length), scale=2, tile=tile, halo=halo, fit=True, multiple=8)
    assert plan.rows == plain.rows
    widths = {s.outer_stop - s.outer_start for s in plan.columns}
    one = len(plan.columns) == 1 and length + 2 * halo > (1 + MORE) * length - 16  # two would read much more
    assert one or all(width % 8 == 0 or width <= NARROW for width in widths)
    for span, following in itertools.pairwise(plan.columns):
        assert span.inner_stop == following.inner_start
        assert span.outer_stop - span.inner_stop >= halo
        assert following.inner_start - following.outer_start >= halo
    assert (plan.columns[0].inner_start, plan.columns[-1].inner_stop) == (0, length)


def test_one_long_window_stays_where_two_would_read_much_more():
    assert fitted_tile(251, tile=256, halo=60, blend=0, multiple=8) >= 251
    assert len(plan_tiles((512, 300), scale=4, tile=256, halo=11, fit=True)) == 4
    assert len(plan_tiles((512, 280), scale=4, tile=256, halo=11, fit=True)) == 2
    assert len(plan_tiles((512, 512), scale=4, tile=256, halo=11)) == 9
