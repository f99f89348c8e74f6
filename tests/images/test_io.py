import numpy as np
import pytest
import tifffile
import zarr

from napari_sr.errors import ImageError
from napari_sr.images.geometry import Geometry
from napari_sr.images.listing import image_files, read_planes
from napari_sr.images.readers import read_image
from napari_sr.images.writers import OutputInfo, create_output
from napari_sr.images.writers.tiff import tiff_kind
from napari_sr.inference import Finished, Upscaler
from napari_sr.inference.files import iter_upscale_file
from napari_sr.models.store import load_model


def write(path, image, axes, size=(0.02, 0.03), unit="µm", **settings):
    info = OutputInfo(axes=axes, geometry=Geometry(dict(zip("YX", size, strict=True)), {"Y": unit, "X": unit}))
    with create_output(path, shape=image.shape, dtype=image.dtype, info=info, **settings) as out:
        out[...] = image


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i1", "i2", "u4", "i4", "f8", "f2", "i8", "?"])
@pytest.mark.parametrize(("shape", "axes"), [((9, 7), "YX"), ((3, 9, 7), "ZYX"), ((2, 3, 4, 9, 7), "TZCYX")])
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".zarr"])
def test_what_is_written_is_read(dtype, shape, axes, suffix, tmp_path, rng):
    image = (rng.random(shape) * 100).astype(dtype)
    path = tmp_path / f"a{suffix}"
    write(path, image, axes)
    again = read_image(path)
    if suffix == ".zarr":  # which wants channels before space
        assert again.axes == axes.replace("ZC", "CZ")
        image = image.transpose([axes.index(a) for a in again.axes])
    np.testing.assert_array_equal(np.asarray(again.data[...]).reshape(image.shape), image)
    assert again.axes[-2:] == "YX"
    if suffix == ".zarr":
        assert again.pixel_size == (0.02, 0.03)
        assert again.unit == "µm"


@pytest.mark.parametrize(("dtype", "kind"), [("u2", "imagej"), ("i4", "ome"), ("f8", "ome"), ("f2", "plain")])
def test_the_most_widely_understood_tiff_is_chosen(dtype, kind, tmp_path):
    image = np.zeros((3, 9, 7), dtype)
    assert tiff_kind(image.shape, image.dtype, "ZYX") == kind
    write(tmp_path / "a.tif", image, "ZYX")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej == (kind == "imagej")
        assert tif.is_ome == (kind == "ome")
        assert tif.series[0].axes.endswith("YX")
    again = read_image(tmp_path / "a.tif")
    assert again.unit == "µm"
    assert again.pixel_size == pytest.approx((0.02, 0.03), rel=1e-4)
    assert again.axes == "ZYX"


FULL = Geometry(
    {"T": 2.5, "Z": 0.3, "Y": 0.02, "X": 0.03},
    {"T": "s", "Z": "µm", "Y": "µm", "X": "µm"},
    {"Z": 1.5, "Y": -0.0075, "X": 7.0},
)
DENSITY = Geometry({"Z": 1.0, "Y": 0.78125, "X": 0.78125}, dict.fromkeys("ZYX", "Mpc/h"))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i4", "f8", "f2", "i8", "?"])
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
@pytest.mark.parametrize(("geometry", "axes"), [(FULL, "TZYX"), (DENSITY, "ZYX"), (Geometry(), "ZYX")])
def test_geometry_survives_every_format(dtype, suffix, geometry, axes, tmp_path):
    image = np.ones((2, 3, 9, 7)[4 - len(axes) :], dtype)
    path = tmp_path / f"a{suffix}"
    with create_output(path, shape=image.shape, dtype=image.dtype, info=OutputInfo(axes, geometry)) as out:
        out[...] = image
    again = read_image(path)
    assert again.axes == axes
    assert {a: u for a, u in again.geometry.units.items() if u != "pixel"} == geometry.units
    if suffix == ".zarr" and not geometry.steps:  # a zarr image always says its distances: 1 without a unit
        assert set(again.geometry.steps.values()) == {1.0}
        return
    assert again.geometry.steps == pytest.approx(geometry.steps, rel=1e-5)
    for axis in "ZYX":
        assert again.geometry.origin.get(axis, 0.0) == pytest.approx(geometry.origin.get(axis, 0.0), rel=1e-4)


def test_resampling_keeps_points_where_they_are():
    finer = FULL.resampled(4)
    # the mean of four fine centres is the coarse centre
    for axis in "YX":
        centres = [finer.origin[axis] + n * finer.steps[axis] for n in range(4)]
        assert np.mean(centres) == pytest.approx(FULL.origin[axis], abs=1e-12)
    assert finer.steps["Z"] == FULL.steps["Z"]
    assert finer.resampled(1 / 4).origin == pytest.approx(FULL.origin)


@pytest.mark.parametrize(("unit", "back"), [("Å", "Å"), ("µm", "µm"), ("μm", "µm"), ("Mpc/h", "Mpc/h")])
@pytest.mark.parametrize("dtype", ["u1", "f8", "f2"])
def test_units_that_ascii_does_not_have(unit, back, dtype, tmp_path):
    write(tmp_path / "a.tif", np.ones((9, 7), dtype), "YX", unit=unit)
    assert read_image(tmp_path / "a.tif").unit in (unit, back)
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx((0.02, 0.03), rel=1e-4)


def test_nothing_is_made_up_and_a_z_step_without_unit_is_kept(tmp_path):
    geometry = Geometry({"T": 1.0, "Z": 2.0})  # as OME-Zarr files without units have it
    image = np.ones((2, 3, 9, 7), np.uint8)
    with create_output(
        tmp_path / "a.tif", shape=image.shape, dtype=image.dtype, info=OutputInfo("TZYX", geometry)
    ) as out:
        out[...] = image
    again = read_image(tmp_path / "a.tif").geometry
    assert again.steps == {"Z": 2.0}


def test_plain_tiff_says_its_pixel_size_to_other_programs(tmp_path):
    write(tmp_path / "a.tif", np.zeros((9, 7), np.float16), "YX")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.get_resolution("MICROMETER") == pytest.approx((1 / 0.03, 1 / 0.02), rel=1e-4)


def test_ome_zarr_of_others(tmp_path):
    # version 0.4, with a translation in each resolution and a scale of the whole image (after it)
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    group.create_array("0", data=np.zeros((2, 9, 7), np.uint8))
    group.attrs["multiscales"] = [{
        "axes": [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": [
            {"type": "scale", "scale": [2, 0.5, 0.5]}, {"type": "translation", "translation": [1, 2, 3]}]}],
        "coordinateTransformations": [{"type": "scale", "scale": [1, 10, 10]}],
    }]  # fmt: skip
    image = read_image(tmp_path / "a.zarr")
    assert image.geometry == Geometry({"Z": 2, "Y": 5, "X": 5}, dict.fromkeys("ZYX", "µm"), {"Z": 1, "Y": 20, "X": 30})


def test_large_images_go_to_ome_bigtiff():
    assert tiff_kind((40_000, 60_000), np.dtype("u2"), "YX") == "ome"
    assert tiff_kind((20_000, 60_000), np.dtype("u2"), "YX") == "imagej"
    assert tiff_kind((9, 9, 4), np.dtype("u1"), "YXS") == "ome"


def test_colour_tiff(tmp_path, rng):
    image = rng.integers(0, 255, (9, 7, 3)).astype(np.uint8)
    write(tmp_path / "a.tif", image, "YXS")
    again = read_image(tmp_path / "a.tif")
    assert again.rgb
    np.testing.assert_array_equal(again.data, image)


@pytest.mark.parametrize("unit", ["nm", "µm"])
def test_pixel_sizes_of_foreign_files(unit, tmp_path):
    image = np.zeros((9, 7), np.uint8)
    tifffile.imwrite(
        tmp_path / "ome.ome.tif",
        image,
        metadata={"axes": "YX", "PhysicalSizeX": 4, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 5},
    )
    ome = read_image(tmp_path / "ome.ome.tif")
    assert (ome.pixel_size, ome.unit) == ((5.0, 4.0), unit)
    tifffile.imwrite(tmp_path / "cm.tif", image, resolution=(1e5, 1e5), resolutionunit="CENTIMETER")
    centimetre = read_image(tmp_path / "cm.tif")
    assert centimetre.pixel_size == pytest.approx((0.1, 0.1))
    assert centimetre.unit == "µm"
    tifffile.imwrite(tmp_path / "screen.tif", image, resolution=(72, 72), resolutionunit="INCH")
    assert read_image(tmp_path / "screen.tif").pixel_size is None


def test_compressed_and_tiled_files_are_read(tmp_path, rng):
    image = rng.integers(0, 4000, (3, 300, 200)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "z.tif", image, compression="zlib", tile=(64, 64), photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "z.tif").data, image)


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.npz", "a.png", "a.txt", "none.tif"])
def test_damaged_missing_and_unknown_files(name, tmp_path):
    if name != "none.tif":
        (tmp_path / name).write_bytes(b"this is no image")
    with pytest.raises(ImageError, match=name.split(".", 1)[0]):
        read_image(tmp_path / name)


def test_damaged_compression_is_an_image_error(tmp_path, rng):
    path = tmp_path / "z.tif"
    image = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    tifffile.imwrite(path, image, compression="zlib")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 200 : middle + 200] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


def test_unknown_axes_get_letters_of_their_own(tmp_path):
    tifffile.imwrite(tmp_path / "q.tif", np.zeros((2, 5, 16, 17), np.uint16), photometric="minisblack")
    axes = read_image(tmp_path / "q.tif").axes
    assert axes.endswith("YX")
    assert len(set(axes)) == len(axes) == 4


def test_grey_pictures_with_transparency_are_flat(tmp_path):
    from PIL import Image

    Image.new("LA", (7, 9), (100, 255)).save(tmp_path / "la.png")
    picture = read_image(tmp_path / "la.png")
    assert (picture.axes, picture.data.shape) == ("YX", (9, 7))


def test_planes_of_zarr(tmp_path, rng):
    image = rng.random((3, 9, 7)).astype("f4")
    write(tmp_path / "a.zarr", image, "ZYX")
    np.testing.assert_array_equal(read_planes(tmp_path / "a.zarr"), image)


def test_a_zarr_group_without_an_image(tmp_path):
    zarr.create_group(str(tmp_path / "g.zarr"))
    with pytest.raises(ImageError, match="without an OME-Zarr image"):
        read_image(tmp_path / "g.zarr")


def test_nothing_is_left_when_writing_stops(tmp_path):
    def interrupted():
        info = OutputInfo(axes="YX")
        with create_output(tmp_path / "a.tif", shape=(9, 9), dtype=np.dtype("u1"), info=info) as out:
            out[0, 0] = 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept_unless_asked(tmp_path):
    image = np.ones((9, 7), np.uint8)
    write(tmp_path / "a.tif", image, "YX")
    with pytest.raises(ImageError, match="exists already"):
        write(tmp_path / "a.tif", image * 2, "YX")
    write(tmp_path / "a.tif", image * 2, "YX", overwrite=True)
    assert read_image(tmp_path / "a.tif").data[0, 0] == 2
    write(tmp_path / "a.zarr", image, "YX")
    write(tmp_path / "a.zarr", image * 3, "YX", overwrite=True)
    assert np.asarray(read_image(tmp_path / "a.zarr").data)[0, 0] == 3


def test_full_disk_and_wrong_type_are_said(tmp_path, monkeypatch):
    with pytest.raises(ImageError, match="written as"):
        write(tmp_path / "a.png", np.zeros((3, 3), np.uint8), "YX")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(ImageError, match="GiB free"):
        write(tmp_path / "a.tif", np.zeros((30, 30), np.uint8), "YX")
    assert list(tmp_path.iterdir()) == []


def test_folders(tmp_path, rng):
    for name in ("b.tif", "a.npy", "notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("no image")
        else:
            write(tmp_path / name, rng.random((2, 9, 7)).astype("f4"), "ZYX")
    assert [f.name for f in image_files(tmp_path)] == ["a.npy", "b.tif"]
    assert [p.shape for p in read_planes(tmp_path)] == [(9, 7)] * 4
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="no images"):
        image_files(tmp_path / "empty")
    with pytest.raises(ImageError, match="no file or folder"):
        image_files(tmp_path / "nowhere")


def test_a_result_that_another_program_holds_open_is_said(tmp_path, monkeypatch):
    """On Windows, a file that is open somewhere cannot be replaced."""
    write(tmp_path / "a.tif", np.ones((9, 7), np.uint8), "YX")

    def held(source, target):
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr("os.replace", held)
    with pytest.raises(ImageError, match=r"a\.tif could not be written: The process cannot access the file"):
        write(tmp_path / "a.tif", np.zeros((9, 7), np.uint8), "YX", overwrite=True)
    assert read_image(tmp_path / "a.tif").data[0, 0] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".zarr"])
def test_the_file_is_whole_before_the_end_is_told(suffix, tmp_path, rng):
    image = rng.integers(0, 255, (20, 24)).astype(np.uint8)
    write(tmp_path / "a.tif", image, "YX")
    target, seen = tmp_path / f"sr{suffix}", []
    for event in iter_upscale_file(tmp_path / "a.tif", target, Upscaler(load_model("nearest-x2"), device="cpu")):
        seen.append(isinstance(event, Finished))
        if seen[-1]:
            np.testing.assert_array_equal(np.asarray(read_image(target).data[...])[::2, ::2], image)
        else:
            assert not target.exists()
    assert seen[-1]
    assert sum(seen) == 1


def test_what_cannot_be_read_in_the_middle_is_said_with_the_name(tmp_path, rng):
    path = tmp_path / "cells.zarr"
    write(path, rng.integers(0, 255, (3000, 2000)).astype(np.uint8), "YX")
    chunk = next(p for p in (path / "0" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-20])
    with pytest.raises(ImageError, match=r"cells\.zarr"):
        list(iter_upscale_file(path, tmp_path / "sr.tif", Upscaler(load_model("nearest-x2"), device="cpu")))
    assert not (tmp_path / "sr.tif").exists()
