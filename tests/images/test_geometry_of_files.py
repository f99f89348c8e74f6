"""Pixel sizes, units and positions as files state them; what cannot be one is unknown, and never costs the image."""

import json

import numpy as np
import pytest
import tifffile
import yaozarrs
from wild import GREY, OME, ome_file, ome_xml

from napari_sr.images.geometry import Geometry
from napari_sr.images.readers import read_image, tiff_geometry
from napari_sr.images.stack import Channel
from napari_sr.images.units import METRES, conversion, number, positive, unit_of
from napari_sr.images.writers import OutputInfo, create_output
from napari_sr.inference import Upscaler
from napari_sr.inference.files import iter_upscale_file
from napari_sr.models.store import load_model


def enlarged(path, suffix):
    target = path.with_name(f"{path.stem}_large{suffix}")
    list(iter_upscale_file(path, target, Upscaler(load_model("bicubic-x2"), precision="fp32", device="cpu")))
    return read_image(target)


@pytest.mark.parametrize(
    ("spelled", "unit"),
    [("um", "µm"), ("\u03bcm", "µm"), ("µm", "µm"), ("\\u00B5m", "µm"), ("Âµm", "µm"), ("?m", "µm"), ("micron", "µm"),
     ("microns", "µm"), ("MICROMETERS", "µm"), ("micrometre", "µm"), ("\\u00C5", "Å"), ("\u212b", "Å"),
     ("Angstrom", "Å"), ("nanometer", "nm"), ("nm\0", "nm"), (" nm ", "nm"), ("inch", "in"), ("sec", "s"),
     ("milliseconds", "ms"),
     ("pixel", ""), ("px", ""), (None, ""), ("", ""), ("Mpc/h", "Mpc/h"), ("1/nm", "1/nm"), ("Mm", "Mm"), ("mm", "mm")],
)  # fmt: skip
def test_spellings_of_units(spelled, unit):
    assert unit_of(spelled) == unit


def test_units_convert_within_their_kind():
    assert conversion("mm", "µm") == pytest.approx(1000)
    assert conversion("Å", "nm") == pytest.approx(0.1)
    assert conversion("min", "s") == 60
    assert conversion("nm", "s") is None
    assert conversion("Mpc/h", "m") is None
    assert conversion("Mpc/h", "Mpc/h") == 1
    assert METRES["nm"] == pytest.approx(1e-9)


@pytest.mark.parametrize("stated", ["0", "0.0", "NaN", "-1", "inf", "", "0,1", None, "abc", float("nan"), 0, -3.0])
def test_what_is_no_distance(stated):
    assert positive(stated) is None


def test_numbers():
    assert number("1e-7") == 1e-7
    assert number("-2") == -2
    assert number("nan") is None


@pytest.mark.parametrize(
    "sizes",
    ['PhysicalSizeX="0.0" PhysicalSizeY="0.0"', 'PhysicalSizeX="NaN" PhysicalSizeY="-1"', "",
     'PhysicalSizeX="0,1" PhysicalSizeY=""', 'PhysicalSizeX="1e400" PhysicalSizeY="1"', 'PhysicalSizeX="x"',
     'PhysicalSizeX="1" PhysicalSizeXUnit="s" PhysicalSizeY="1" PhysicalSizeYUnit="nm"'],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_sizes_that_are_none_in_ome(sizes, suffix, tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", sizes)
    image = read_image(path)
    assert image.pixel_size is None
    np.testing.assert_array_equal(image.data, GREY)
    assert enlarged(path, suffix).data.shape == (80, 112)


@pytest.mark.parametrize(
    "xml",
    ["<?xml version='1.0'?><OME><Image><Pixels SizeX='56'</OME>", f'<OME xmlns="{OME}"></OME>', "<OME>\u0001</OME>"],
)
def test_broken_descriptions_do_not_cost_the_image(xml, tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, description=xml.encode(), metadata=None)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, GREY)
    assert image.pixel_size is None


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [('PhysicalSizeX="100" PhysicalSizeXUnit="nm" PhysicalSizeY="0.1" PhysicalSizeYUnit="µm"', (100, 100, "nm")),
     ('PhysicalSizeX="0.1" PhysicalSizeY="0.2"', (0.2, 0.1, "µm")),
     ('PhysicalSizeX="4" PhysicalSizeXUnit="nm"', (4, 4, "nm")),
     ('PhysicalSizeX="1e-3" PhysicalSizeXUnit="mm" PhysicalSizeY="1" PhysicalSizeYUnit="µm"', (1e-3, 1e-3, "mm"))],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_units_that_differ_by_axis(sizes, expected, suffix, tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", sizes)
    image = read_image(path)
    assert image.pixel_size == pytest.approx(expected[:2])
    assert image.unit == expected[2]
    large = enlarged(path, suffix)
    factor = conversion(large.unit, image.unit)
    assert tuple(s * factor for s in large.pixel_size) == pytest.approx([s / 2 for s in expected[:2]], rel=1e-5)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_a_position_in_another_unit_than_the_size(suffix, tmp_path):
    position = 'PositionX="12.5" PositionXUnit="mm" PositionY="3" PositionYUnit="mm"'
    place = f'<TiffData/><Plane TheZ="0" TheC="0" TheT="0" {position}/>'
    path = ome_file(tmp_path / "a.ome.tif", 'PhysicalSizeX="0.1" PhysicalSizeY="0.1"', place)
    origin = read_image(path).geometry.origin
    assert (origin["Y"], origin["X"]) == pytest.approx((3000, 12_500))
    large = enlarged(path, suffix).geometry.origin
    assert (large["Y"], large["X"]) == pytest.approx((3000 - 0.025, 12_500 - 0.025), rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "read"), [("\\u00C5", "Å"), ("\\u00B5m", "µm"), ("um", "µm"), ("nm", "nm"), ("inch", "in")]
)
def test_units_of_imagej(unit, read, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, resolution=(10.0, 5.0), metadata={"unit": unit})
    image = read_image(tmp_path / "a.tif")
    assert (image.pixel_size, image.unit) == (pytest.approx((0.2, 0.1)), read)


def test_imagej_has_a_unit_of_its_own_for_rows(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, imagej=True, resolution=(10.0, 0.01), metadata={"unit": "um", "yunit": "nm"}
    )
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [(72, "INCH", None), (96, "INCH", None), (300, "INCH", None), (600, "INCH", None), (28.35, "CENTIMETER", None),
     (118.11, "CENTIMETER", None), (1, None, None), (1e5, "CENTIMETER", 0.1), (10_000, "CENTIMETER", 1.0),
     (254_000, "INCH", 0.1), (0, "CENTIMETER", None)],
)  # fmt: skip
def test_resolutions_of_printers_are_no_pixel_sizes(resolution, unit, expected, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(resolution, resolution), resolutionunit=unit)
    size = read_image(tmp_path / "a.tif").pixel_size
    assert size is None if expected is None else size == pytest.approx((expected, expected), rel=1e-4)


@pytest.mark.parametrize(
    ("reader", "about", "expected"),
    [("_from_fei", {"Scan": {"PixelWidth": 3.3724e-6, "PixelHeight": 3.3724e-6}}, (3.3724, "µm")),
     ("_from_fei", {"EScan": {"PixelWidth": 5e-9, "PixelHeight": 5e-9}}, (5, "nm")),
     ("_from_fei", {"Scan": {"PixelWidth": "", "PixelHeight": ""}}, None),
     ("_from_sem", {"ap_pixel_size": ("Pixel Size", 5.825, "nm")}, (5.825, "nm")),
     ("_from_sem", {"ap_image_pixel_size": ("", 2.615, "µm"), "ap_pixel_size": ("", 9, "nm")}, (2.615, "µm")),
     ("_from_sem", {"ap_pixel_size": 3}, None),
     ("_from_tvips", {"PixelSizeX": 1.42, "PixelSizeY": 1.42}, (1.42, "nm")),
     ("_from_lsm", {"VoxelSizeX": 1e-7, "VoxelSizeY": 1e-7, "VoxelSizeZ": 3e-7}, (0.1, "µm")),
     ("_from_stk", {"XCalibration": 0.16, "YCalibration": 0.16, "CalibrationUnits": "um", "ZDistance": [0.0, 0.3]},
      (0.16, "µm")),
     ("_from_stk", {"spatial-calibration-x": 0.16, "spatial-calibration-y": 0.16, "spatial-calibration-units": "um"},
      (0.16, "µm")),
     ("_from_sis", {"pixelsizex": 2e-8, "pixelsizey": 2e-8}, (20, "nm")),
     ("_from_micromanager", {"Summary": {"PixelSize_um": 0.065, "z-step_um": 0.2}}, (0.065, "µm")),
     ("_from_micromanager", {"Summary": {"PixelSize_um": 0}}, None),
     ("_from_description", "Aperio Image|AppMag = 40|MPP = 0.2522", (0.2522, "µm")),
     ("_from_description", '<FeiImage><pixelWidth unit="nm">78.1</pixelWidth></FeiImage>', (78.1, "nm")),
     ("_from_description", "a picture", None)],
)  # fmt: skip
def test_headers_of_instruments(reader, about, expected):
    found = getattr(tiff_geometry, reader)(about)
    if expected is None:
        assert found is None or found.pixel_size is None
    else:
        assert found.pixel_size == pytest.approx((expected[0], expected[0]))
        assert found.unit == expected[1]


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize("axes", ["TZCYX", "ZYX", "CYX", "TYX"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i4", "f8", "f2"])
def test_axes_of_length_one_survive(axes, dtype, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    image = GREY.astype(dtype).reshape((1,) * (len(axes) - 2) + GREY.shape)
    with create_output(path, shape=image.shape, dtype=image.dtype, info=OutputInfo(axes)) as out:
        out[...] = image
    found = read_image(path)
    expected = axes.replace("ZC", "CZ") if suffix == ".zarr" else axes  # OME-Zarr wants channels before space
    assert found.axes == expected
    assert found.data.shape == image.shape
    large = enlarged(path, suffix)
    assert (large.axes, large.data.shape) == (expected, (*image.shape[:-2], 80, 112))


@pytest.mark.parametrize("order", ["XYZ", "YXZ", "ZXY", "YXC"])
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_axes_in_any_order_are_written_in_the_usual_one(order, suffix, tmp_path, rng):
    image = rng.integers(0, 255, (20, 18, 17)).astype(np.uint16)
    with create_output(tmp_path / f"a{suffix}", shape=image.shape, dtype=image.dtype, info=OutputInfo(order)) as out:
        for n in range(image.shape[0]):
            out[n, :, :] = image[n]
    found = read_image(tmp_path / f"a{suffix}")
    usual = "".join(sorted(order, key="TZCYX".index))
    assert found.axes == usual
    np.testing.assert_array_equal(np.asarray(found.data[...]), image.transpose([order.index(a) for a in usual]))


def test_ranges_tables_and_labels_of_imagej_are_carried_over(tmp_path):
    tables = [np.stack([np.arange(256) * (n == k) for n in range(3)]).astype(np.uint8) for k in range(2)]
    about = {
        "axes": "ZCYX",
        "mode": "composite",
        "Ranges": (10.0, 200.0, 5.0, 90.0),
        "LUTs": tables,
        "Labels": [f"p{n}" for n in range(6)],
    }
    tifffile.imwrite(tmp_path / "a.tif", np.stack([np.stack([GREY, GREY[::-1]])] * 3), imagej=True, metadata=about)
    enlarged(tmp_path / "a.tif", ".tif")
    with tifffile.TiffFile(tmp_path / "a_large.tif") as tif:
        found = tif.imagej_metadata
    assert tuple(found["Ranges"]) == about["Ranges"]
    assert found["Labels"] == about["Labels"]
    assert found["mode"] == "composite"
    for mine, theirs in zip(found["LUTs"], tables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_range_of_one_channel_is_carried_over(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, metadata={"min": 20.0, "max": 150.0})
    assert enlarged(tmp_path / "a.tif", ".tif").channels[0].limits == (20, 150)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_names_and_colours_of_channels_are_carried_over(suffix, tmp_path):
    channels = '<Channel ID="C:0" Name="DAPI" Color="65535"/><Channel ID="C:1" Name="GFP" Color="16711935"/><TiffData/>'
    xml = ome_xml('PhysicalSizeX="0.1"', channels).replace('SizeC="1"', 'SizeC="2"').replace('"uint8"', '"int32"')
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.stack([GREY, GREY[::-1]]).astype(np.int32),
        description=xml.encode(),
        metadata=None,
        photometric="minisblack",
    )
    image = read_image(tmp_path / "a.ome.tif")
    expected = [("DAPI", "#0000ff"), ("GFP", "#00ff00")]
    assert image.name == "cell"
    assert [(c.name, c.colour) for c in image.channels] == expected
    large = enlarged(tmp_path / "a.ome.tif", suffix)
    assert [(c.name, c.colour) for c in large.channels] == expected


def test_what_is_written_as_ome_zarr_is_valid(tmp_path):
    info = OutputInfo(
        "CYX", Geometry.stated(Y=(0.1, "µm", 3.0), X=(0.1, "µm", 2.0)), channels=(Channel("a", "#ff0000"), Channel("b"))
    )
    with create_output(tmp_path / "a.zarr", shape=(2, 9, 8), dtype=np.dtype("u2"), info=info) as out:
        out[...] = np.zeros((2, 9, 8), np.uint16)
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    units = [
        a.get("unit")
        for a in json.loads((tmp_path / "a.zarr/zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]["axes"]
    ]
    assert units == [None, "micrometer", "micrometer"]
