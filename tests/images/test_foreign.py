"""Images as Python programs hold them, numbers at the limits of their type, and results in arrays of other types."""

import numpy as np
import pytest
import torch
from PIL import Image

from napari_sr import load_model, upscale
from napari_sr.errors import ImageError
from napari_sr.images.dtypes import to_dtype
from napari_sr.images.foreign import axes_of
from napari_sr.inference import Finished, iter_upscale
from napari_sr.intensity import Intensity


def twice(image):
    return np.asarray(image).repeat(2, axis=0).repeat(2, axis=1)


def large(image, **settings):
    return upscale(image, load_model("nearest-x2"), device="cpu", precision="fp32", **settings)


@pytest.fixture
def grey(rng):
    return rng.integers(0, 255, (20, 24)).astype(np.uint8)


@pytest.mark.parametrize(
    "make",
    [lambda a: a.tolist(), lambda a: tuple(map(tuple, a.tolist())), Image.fromarray, torch.from_numpy,
     lambda a: torch.from_numpy(a).float().requires_grad_(), lambda a: np.ma.array(a),
     lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)), lambda a: a.astype(">u2"), np.asfortranarray,
     lambda a: a[::-1][::-1]],
)  # fmt: skip
def test_whatever_holds_an_image(make, grey):
    np.testing.assert_allclose(large(make(grey)), twice(grey), rtol=1e-6)


def test_pictures_of_other_modes(grey):
    palette = Image.fromarray(np.dstack([grey, grey[::-1], grey])).quantize(16)
    np.testing.assert_array_equal(large(palette), twice(np.asarray(palette.convert("RGB"))))
    assert large(Image.fromarray(grey > 100)).dtype == np.uint8
    assert large(Image.fromarray(grey).convert("LA")).ndim == 2


def test_masked_pixels_are_kept_out(grey):
    image = np.ma.array(grey.astype(np.float32), mask=False)
    image[5, 6] = np.ma.masked
    image.data[5, 6] = 1e9  # what lies under a mask means nothing
    result = large(image)
    assert np.isnan(result[10:12, 12:14]).all()
    assert np.isfinite(result).sum() == result.size - 4
    assert np.nanmax(result) <= 255.1
    with pytest.raises(ImageError, match="1 pixels are masked, and uint8 has no value for that"):
        large(np.ma.masked_equal(np.array([[1, 2], [3, 4]], np.uint8), 3))


def test_labelled_arrays_tell_their_axes(grey):
    import xarray

    stack = np.stack([grey, grey[::-1], grey], axis=-1).astype(np.uint16)
    result = large(xarray.DataArray(stack, dims=("y", "x", "time")))
    assert result.shape == (40, 48, 3)
    assert large(xarray.DataArray(stack.transpose(2, 0, 1), dims=("a", "b", "c"))).shape == (3, 40, 48)


@pytest.mark.parametrize(
    ("names", "axes"),
    [(("y", "x"), "YX"), (("time", "row", "col"), "TYX"), (("channel", "Z", "Y", "X"), "CZYX"), (("a", "b"), None),
     (("y", "x", "xx"), None), (("lat", "lon", "band"), "YXC")],
)  # fmt: skip
def test_names_of_dimensions(names, axes):
    assert axes_of(names) == axes


@pytest.mark.parametrize("nothing", [[[1, 2], [3]], "image.tif", None, {"a": 1}, 5])
def test_what_is_no_image_is_said(nothing):
    with pytest.raises(ImageError):
        large(nothing)


def test_axes_in_small_letters(grey):
    assert large(np.stack([grey] * 3), axes="zyx").shape == (3, 40, 48)


def test_short_last_axes_are_never_upscaled(grey):
    *_, done = iter_upscale(np.dstack([grey, grey]).astype("f4"), load_model("nearest-x2"), device="cpu")
    assert isinstance(done, Finished)
    assert done.image.shape == (40, 48, 2)
    assert "2 channels" in done.report.sentence()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
@pytest.mark.parametrize("name", ["bicubic-x2", "nearest-x2"])
def test_the_limits_of_a_type_stay_where_they_are(dtype, name):
    info = np.iinfo(dtype)
    for image in (np.full((8, 9), info.max, dtype), np.full((8, 9), info.min, dtype)):
        result = upscale(image, load_model(name), device="cpu", precision="fp32")
        assert (np.abs(result.astype(float) - float(image[0, 0])) <= 1e-5 * float(info.max)).all()
    both = np.full((8, 9), info.max, dtype)
    both[:, :4] = info.min
    result = upscale(both, load_model(name), device="cpu", precision="fp32")
    # nothing wraps: to the left all is small, to the right all is large
    assert (result[:, :4].astype(float) < 0.1 * float(info.max)).all()
    assert (result[:, -4:].astype(float) > 0.9 * float(info.max)).all()


@pytest.mark.parametrize("value", [0, 1, 2**62, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1), (5, 5)])
def test_small_images_of_large_numbers(value, shape):
    result = upscale(np.full(shape, value, np.int64), load_model("bicubic-x2"), device="cpu", precision="fp32")
    assert result.shape == tuple(2 * n for n in shape)
    np.testing.assert_allclose(result.astype(float), float(value), rtol=1e-5)


def test_a_range_that_overflows_is_no_range():
    fitted = Intensity(kind="range").fit(np.array([-1.7e308, 1.7e308]))
    assert np.isfinite(fitted.gain)
    assert fitted.high > fitted.low


@pytest.mark.parametrize(("out", "top"), [("u1", 255), ("u2", 1000), ("i1", 127), ("f4", 1000)])
def test_an_array_of_a_smaller_type_is_filled_to_its_limits(out, top, rng):
    image = np.full((8, 9), 1000, np.uint16)
    image[:, :4] = 50
    given = np.zeros((16, 18), out)
    *_, done = iter_upscale(image, load_model("nearest-x2"), out=given, device="cpu", precision="fp32")
    assert done.image is given
    np.testing.assert_allclose(given[:, 8:], top, rtol=1e-5)
    np.testing.assert_allclose(given[:, :8], 50, rtol=1e-5)
    assert done.report.saturated == (given[:, 8:].size if top < 1000 else 0)


def test_single_precision_does_not_wrap():
    values = np.array([4.3e9, -1.0, 4294967295.0], np.float32)
    converted, cut = to_dtype(values, np.dtype("u4"))
    assert converted.tolist() == [4294967295, 0, 4294967295]
    assert cut >= 2


def test_whatever_is_no_number_is_refused(grey):
    with pytest.raises(ImageError, match="complex"):
        large(grey.astype(complex))
