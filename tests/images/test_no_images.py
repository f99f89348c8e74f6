"""Files in which something is no image, or is missing: the rest is read, and what is left out is said."""

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from typer.testing import CliRunner
from wild import GREY, ome_file

from napari_sr.cli.app import app
from napari_sr.errors import ImageError
from napari_sr.images.listing import read_planes
from napari_sr.images.readers import read_image


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (GREY + 1j, "complex numbers"),
        (np.zeros((4, 4), [("a", "f4")]), "no numbers that make an image"),
        (np.full((4, 4), "x"), "no numbers that make an image"),
        (np.zeros((4, 4), "M8[s]"), "no numbers that make an image"),
        (GREY.astype(np.longdouble), "Save it as float64 or float32"),
        (np.array([[{}] * 4] * 4, object), "Python objects"),
        (np.zeros((0, 40)), "is empty"),
    ],
)
def test_what_is_no_image_is_refused_with_the_file_s_name(array, said, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ImageError, match=rf"a\.npy: .*{said}"):
        read_image(tmp_path / "a.npy")


def test_an_image_beside_what_is_none(tmp_path):
    np.savez(tmp_path / "a.npz", image=GREY, about=np.array({"a": 1}, object), none=np.zeros((0, 9, 9)))
    image = read_image(tmp_path / "a.npz")
    np.testing.assert_array_equal(image.data, GREY)
    assert "none: The image is empty" in image.notes[0]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"], file["b"], file["c"] = GREY, np.zeros((1, 2, 2, 2, 8, 8)), np.zeros((0, 8, 8))
    np.testing.assert_array_equal(read_image(tmp_path / "a.h5").data, GREY)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["b"] = np.zeros((1, 2, 2, 2, 8, 8))
    with pytest.raises(ImageError, match=r"b\.h5 holds no image"):
        read_image(tmp_path / "b.h5")


def test_a_zip_file_of_something_else(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("notes.txt", "no array")
    with pytest.raises(ImageError, match="zip file without NumPy arrays"):
        read_image(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(64, 64, 2), (64, 48, 3)])
def test_channels_that_stand_last_in_a_tiff(shape, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint16), photometric="minisblack")
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.data.shape) == ("YXC", shape)
    assert "--axes says otherwise" in image.notes[0]
    tifffile.imwrite(tmp_path / "b.tif", np.zeros(shape[::-1], np.uint16), photometric="minisblack")
    assert read_image(tmp_path / "b.tif").notes == ()


def test_planes_that_an_ome_tiff_lacks_are_counted(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", "")
    assert read_image(path).notes == ()
    text = tifffile.tiffcomment(path).replace('SizeZ="1"', 'SizeZ="5"')
    tifffile.imwrite(path, GREY, description=text.encode(), metadata=None)
    image = read_image(path)
    assert image.data.shape == (5, *GREY.shape)
    assert image.notes == ("4 of its 5 planes are not in the file: they are black here",)


@pytest.mark.parametrize(("damage", "said"), [("short", "does not fit"), ("mode", "mode '99'")])
def test_an_mrc_that_is_cut_off_or_of_another_mode(damage, said, tmp_path):
    with mrcfile.new(tmp_path / "a.mrc", GREY.astype(np.float32)):
        pass
    whole = bytearray((tmp_path / "a.mrc").read_bytes())
    whole[12] = 99 if damage == "mode" else whole[12]
    (tmp_path / "a.mrc").write_bytes(whole if damage == "mode" else whole[:3000])
    with pytest.raises(ImageError, match=said):
        read_image(tmp_path / "a.mrc")


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ([{"axes": list("tzyx"), "datasets": [{"path": "0"}]}], "has 4 axes, its array 2"),
        ([{"axes": list("yx"), "datasets": [{"path": "group"}]}], "names 'group', and there is no such array"),
        ([{"axes": list("yx"), "datasets": [{"path": "1"}]}], "names '1', and there is no such array"),
        ([{"axes": list("yx"), "datasets": []}], "names no array"),
        ({"axes": list("yx")}, "inside are a.zarr/0"),
    ],
)
def test_an_ome_zarr_whose_description_is_of_something_else(described, said, tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=GREY)
    group.create_group("group")
    group.attrs["multiscales"] = described
    with pytest.raises(ImageError, match=said):
        read_image(tmp_path / "a.zarr")


@pytest.fixture
def broken_zarr(tmp_path):
    array = zarr.create_array(tmp_path / "broken.zarr", data=GREY)
    assert array.nchunks == 1
    (chunk,) = (f for f in (tmp_path / "broken.zarr" / "c").rglob("*") if f.is_file())
    chunk.write_bytes(b"no chunk")
    return tmp_path / "broken.zarr"


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_chunk_that_cannot_be_read(broken_zarr, tmp_path):
    with pytest.raises(ImageError, match=r"broken\.zarr: A part of the image cannot be read"):
        read_planes(broken_zarr)
    done = run("degrade", broken_zarr, "-o", tmp_path / "lr.tif", "-s", 2)
    assert isinstance(done.exception, ImageError)


def test_degrade_says_what_was_decided_and_what_was_lost(tmp_path):
    image = GREY.astype(np.float32)
    image[4:8, 4:8] = np.nan
    np.savez(tmp_path / "a.npz", image=image, other=GREY[:20, :20])
    done = run("degrade", tmp_path / "a.npz", "-o", tmp_path / "lr.tif", "-s", 2, "-p", "area")
    assert "4 LR pixels have no value" in done.stderr
    assert "the largest is taken" in done.stderr
    assert np.isnan(tifffile.imread(tmp_path / "lr.tif")).sum() == 4


def test_degrade_does_not_replace_its_own_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    done = run("degrade", tmp_path / "a.tif", "-o", tmp_path / "a.tif", "--overwrite")
    assert "would be overwritten by its own LR image" in str(done.exception)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), GREY)


def test_evaluate_takes_a_range_of_nothing_for_what_it_is(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    done = run("evaluate", tmp_path / "a.tif", tmp_path / "a.tif", "--data-range", 0)
    assert "data_range" in str(done.exception) or "data range" in str(done.exception)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((1, 1), np.uint8))
    done = run("evaluate", tmp_path / "b.tif", "-m", "bicubic-x2")
    assert "too small to be compared" in str(done.exception) or "leaves nothing" in str(done.exception)
