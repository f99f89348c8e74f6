"""From network values to the numbers of an image, on the device: the same as with numpy, type by type."""

import numpy as np
import pytest
import torch

from napari_sr.images.dtypes import integer_limits, to_dtype
from napari_sr.inference.values import image_values, is_wide, rounded, torch_dtype
from napari_sr.intensity import Intensity

TYPES = [
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
]  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_values_are_rounded_and_saturate_as_in_numpy(name, rng):
    dtype = np.dtype(name)
    values = rng.normal(size=3000) * 10.0 ** rng.uniform(-2, 22, 3000)
    values[:6] = [np.nan, np.inf, -np.inf, 0.5, 1.5, 2.5]
    if not is_wide(dtype):
        values = values.astype(np.float32)
    expected, cut = to_dtype(values, dtype)
    converted, saturated = rounded(torch.from_numpy(values), dtype)
    assert converted.dtype == torch_dtype(dtype)
    assert int(saturated) == cut
    np.testing.assert_array_equal(converted.numpy(), expected)


@pytest.mark.parametrize("name", [n for n in TYPES if np.dtype(n).kind in "ui"])
def test_limits_are_floats_that_the_type_holds(name):
    low, high = integer_limits(np.dtype(name))
    info = np.iinfo(name)
    assert (int(low), info.min <= int(high) <= info.max) == (info.min, True)
    assert np.array([low, high]).astype(name).tolist() == [int(low), int(high)]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("kind", ["identity", "range", "percentile", "fixed", "log"])
def test_intensities_are_undone_as_in_numpy(name, kind, rng):
    dtype = np.dtype(name)
    settings = {"fixed": {"low": -20.0, "high": 4000.0}, "log": {"low": -1.0, "high": 3.0, "lower": -0.8, "upper": 0.8}}
    fitted = Intensity(kind=kind, **settings.get(kind, {})).fit(rng.uniform(0, 65_000, 1000))
    sr = rng.uniform(-1.5, 1.5, (40, 30)).astype(np.float32)
    expected = fitted.inverse(sr)
    values = image_values(torch.from_numpy(sr), fitted, dtype).numpy()
    wide = is_wide(dtype) or kind == "log"
    assert values.dtype == (np.float64 if wide else np.float32)
    np.testing.assert_allclose(
        values, expected, rtol=1e-12 if wide else 1e-6, atol=(1e-9 if wide else 2e-7) * np.ptp(expected)
    )
