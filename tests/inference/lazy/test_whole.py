"""Opening the whole of what was looked at."""

import numpy as np
import pytest
from small_models import make_model

from napari_sr.images.geometry import Geometry
from napari_sr.images.halving import halved
from napari_sr.images.readers import read_image
from napari_sr.images.writers import OutputInfo
from napari_sr.inference import Upscaler, blocks, upscale
from napari_sr.inference.lazy.whole import written_levels
from napari_sr.inference.to_zarr import iter_upscale_to_zarr

EXACT = {"device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("axes", ["ZYX", "YXC"])
def test_the_file_opens_at_falling_resolutions(axes, rng, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "SMALLEST", 64)
    shape = tuple({"Y": 40, "X": 30}.get(a, 2) for a in axes)
    lr, target = rng.integers(0, 999, shape).astype(np.uint16), tmp_path / "a.zarr"
    info = OutputInfo(axes=axes, geometry=Geometry.square(20.0, "nm"))
    list(iter_upscale_to_zarr(lr, target, Upscaler(make_model(), **EXACT), axes=axes, info=info))
    assert read_image(target).pixel_size == (5.0, 5.0)
    want = upscale(lr, make_model(), axes=axes, **EXACT)
    levels = written_levels(target, axes)
    assert len(levels) > 1
    for level in levels:
        np.testing.assert_array_equal(np.asarray(level), want)
        planes = want if axes == "ZYX" else np.moveaxis(want, -1, 0)
        smaller = np.stack([halved(plane) for plane in planes])
        want = smaller if axes == "ZYX" else np.moveaxis(smaller, 0, -1)
