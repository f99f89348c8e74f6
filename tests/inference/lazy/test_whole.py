"""Writing the whole of what was looked at."""

import numpy as np
import pytest
from small_models import make_model

from napari_sr.errors import Cancelled
from napari_sr.images.geometry import Geometry
from napari_sr.images.readers import read_image
from napari_sr.images.writers import OutputInfo
from napari_sr.inference import Upscaler, upscale
from napari_sr.inference.events import Finished, Progress
from napari_sr.inference.lazy.whole import iter_whole, written_levels

EXACT = {"device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("axes", ["ZYX", "YXC"])
def test_the_file_holds_the_whole_result_and_opens_at_falling_resolutions(axes, rng, tmp_path):
    shape = tuple({"Y": 40, "X": 30}.get(a, 2) for a in axes)
    lr, target = rng.integers(0, 999, shape).astype(np.uint16), tmp_path / "a.zarr"
    info = OutputInfo(axes=axes, geometry=Geometry.square(5.0, "nm"))
    events = list(iter_whole(lr, target, Upscaler(make_model(), **EXACT), info=info))
    assert isinstance(events[-1], Finished)
    assert events[-1].image == target
    assert events[-1].report.scale == 4
    assert any(isinstance(event, Progress) for event in events)
    assert read_image(target).pixel_size == (5.0, 5.0)
    want = upscale(lr, make_model(), axes=axes, **EXACT)
    levels = written_levels(target, axes, 4, [lr], below=100)
    np.testing.assert_array_equal(np.asarray(levels[0]), want)
    half = tuple(slice(1, None, 2) if a in "YX" else slice(None) for a in axes)
    np.testing.assert_array_equal(np.asarray(levels[1]), want[half])
    assert levels[2] is lr


def test_nothing_is_left_when_it_is_stopped(rng, tmp_path):
    lr = rng.integers(0, 255, (40, 30)).astype(np.uint8)
    work = iter_whole(
        lr, tmp_path / "a.zarr", Upscaler(make_model(), **EXACT), info=OutputInfo(axes="YX"), should_stop=lambda: True
    )
    with pytest.raises(Cancelled):
        list(work)
    assert list(tmp_path.iterdir()) == []
