"""Which images a folder holds: each once, whatever lies beside it; and which of several images in a file is meant."""

import numpy as np
import pytest
import tifffile
import zarr
from wild import GREY, ome_set, ome_xml

from napari_sr.errors import ImageError
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.listing import image_files, read_planes
from napari_sr.images.readers import chosen, read, read_image


def listed(folder):
    return [f.name for f in image_files(folder)]


@pytest.mark.parametrize("companion", [False, True])
def test_a_set_of_files_is_one_image(companion, tmp_path):
    planes = ome_set(tmp_path / "set", companion=companion)
    assert len(listed(tmp_path / "set")) == 1
    for name in ("s_z0.ome.tif", "s_z2.ome.tif", *(["s.companion.ome"] if companion else [])):
        image = read_image(tmp_path / "set" / name)
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(np.asarray(image.data[...]), planes)
        assert image.pixel_size == (0.1, 0.1)
    np.testing.assert_array_equal(read_planes(tmp_path / "set"), planes)
    np.testing.assert_array_equal([np.asarray(p) for p in open_planes(image_files(tmp_path / "set")[0])], planes)


@pytest.mark.parametrize("companion", [False, True])
@pytest.mark.parametrize("gone", [0, 2])
def test_a_missing_member_is_named_and_never_black(companion, gone, tmp_path):
    ome_set(tmp_path, companion=companion)
    (tmp_path / f"s_z{gone}.ome.tif").unlink()
    with pytest.raises(ImageError, match=rf"s_z{gone}.ome.tif \(plane Z {gone}\)"):
        read(tmp_path / ("s.companion.ome" if companion else "s_z1.ome.tif"))


def test_an_image_that_was_given_another_name_is_whole(tmp_path):
    inside = '<TiffData><UUID FileName="before.ome.tif">urn:uuid:1</UUID></TiffData>'
    for own in ("", 'UUID="urn:uuid:1"'):
        tifffile.imwrite(
            tmp_path / "after.ome.tif", GREY, description=ome_xml("", inside, before=own).encode(), metadata=None
        )
        np.testing.assert_array_equal(read_image(tmp_path / "after.ome.tif").data, GREY)


def test_what_is_no_image_of_a_folder(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    (tmp_path / "._a.tif").write_bytes(b"\x00\x05\x16\x07" + bytes(60))
    (tmp_path / ".b.tif").write_bytes((tmp_path / "a.tif").read_bytes())
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    assert listed(tmp_path) == ["a.tif"]
    (tmp_path / "broken.tif").symlink_to(tmp_path / "nowhere.tif")
    assert listed(tmp_path) == ["a.tif", "broken.tif"]  # it was meant to be one: its run says what is wrong
    with pytest.raises(ImageError, match=r"broken.tif leads to a file that is not there"):
        read(tmp_path / "broken.tif")
    with pytest.raises(ImageError, match="leads to a file"):
        image_files(tmp_path / "broken.tif")
    with pytest.raises(ImageError, match="folder"):
        read(tmp_path / "folder.tif")


def several(path):
    with tifffile.TiffWriter(path) as tif:
        tif.write(GREY[:20, :30], metadata={"axes": "YX"})
        tif.write(np.stack([GREY, GREY[::-1]]), metadata={"axes": "ZYX"}, photometric="minisblack")
        tif.write(GREY[:10, :10], metadata={"axes": "YX"})
    return path


def test_of_several_images_the_largest_is_taken_and_said(tmp_path):
    path = several(tmp_path / "a.tif")
    assert [stack.data.shape for stack in read(path)] == [(20, 30), (2, 40, 56), (10, 10)]
    image = read_image(path)
    assert image.data.shape == (2, 40, 56)
    assert "Of 3 images in a.tif" in image.notes[0]
    assert "number 1" in image.notes[0]


def test_the_choice_can_be_made(tmp_path):
    several(tmp_path / "a.tif")
    for number, expected in enumerate([GREY[:20, :30], np.stack([GREY, GREY[::-1]]), GREY[:10, :10]]):
        one = tmp_path / f"a.tif:{number}"
        np.testing.assert_array_equal(read_image(one).data, expected)
        assert image_files(one) == [one]
        planes = open_planes(one)
        np.testing.assert_array_equal(np.asarray(planes[0]), expected if expected.ndim == 2 else expected[0])
    with pytest.raises(ImageError, match="no image '7'; it holds 0: 20 × 30 YX; 1: 2 × 40 × 56 ZYX"):
        read_image(tmp_path / "a.tif:7")


def test_colons_in_names(tmp_path):
    path = tmp_path / "12:30.tif"
    tifffile.imwrite(path, GREY)
    assert chosen(path) == (path, "")
    assert chosen(tmp_path / "12:30.tif:0") == (path, "0")
    assert chosen(tmp_path / "none.tif:0") == (tmp_path / "none.tif:0", "")


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [((40, 56, 2), "f4", "YXC"), ((40, 56, 1), "u2", "YXC"), ((40, 56, 4), "u2", "YXC"), ((40, 56, 3), "u1", "YXS"),
     ((5, 40, 56, 2), "f4", "ZYXC"), ((5, 40, 3), "u2", "ZYX"), ((40, 56, 5), "f4", "ZYX"),
     ((2, 3, 40, 56), "u1", "CZYX"), ((2, 40, 56), "u1", "ZYX"), ((40, 56), "?", "YX")],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".zarr"])
def test_axes_of_plain_arrays(shape, dtype, axes, suffix, tmp_path):
    path, data = tmp_path / f"a{suffix}", np.ones(shape, dtype)
    if suffix == ".npy":
        np.save(path, data)
    elif suffix == ".npz":
        np.savez(path, name=data)
    else:
        zarr.save_array(str(path), data)
    image = read_image(path)
    assert image.axes == axes
    assert any("channels" in note for note in image.notes) == axes.endswith("YXC")


def test_arrays_of_an_npz(tmp_path):
    np.savez(tmp_path / "a.npz", lr=GREY[:20, :28], hr=GREY, boxes=np.arange(3), words=np.array(["a", "b"]))
    assert sorted(s.name for s in read(tmp_path / "a.npz")) == ["hr", "lr"]
    assert read_image(tmp_path / "a.npz").data.shape == GREY.shape
    assert read_image(tmp_path / "a.npz:lr").data.shape == (20, 28)
    np.savez(tmp_path / "b.npz", words=np.array(["a"]))
    with pytest.raises(ImageError, match="holds no image"):
        read(tmp_path / "b.npz")


def test_what_bioformats_writes_and_plates(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    for name, side in (("0", 20), ("1", 40)):
        image = group.create_group(name)
        image.create_array("0", data=np.zeros((2, side, side), np.uint8))
        image.attrs["multiscales"] = [{"axes": [{"name": a} for a in "zyx"], "datasets": [{"path": "0"}]}]
    group.create_group("OME")
    assert [(s.name, s.data.shape) for s in read(tmp_path / "a.zarr")] == [("0", (2, 20, 20)), ("1", (2, 40, 40))]
    assert read_image(tmp_path / "a.zarr:0").data.shape == (2, 20, 20)
    assert read_image(tmp_path / "a.zarr/1").data.shape == (2, 40, 40)

    plate = zarr.create_group(str(tmp_path / "p.zarr"), zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for well in ("A/1", "B/2"):
        plate.create_group(well).attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
    with pytest.raises(ImageError, match=r"a plate; inside are p.zarr/A/1/0, p.zarr/A/1/1, p.zarr/B/2/0"):
        read(tmp_path / "p.zarr")
    other = zarr.create_group(str(tmp_path / "g.zarr"))
    other.create_group("raw").create_array("volume", data=np.zeros((9, 9), np.uint8))
    with pytest.raises(ImageError, match=r"inside are g\.zarr/raw/volume"):
        read(tmp_path / "g.zarr")
