"""Formats of instruments. MRC and HDF5 are written here; the others by stand-ins for the libraries that read them.

Real files of every format are read by `scripts/measure_readers.py`: their licences keep them out of this project.
"""

import gc
import json
import sys
from types import ModuleType, SimpleNamespace

import h5py
import mrcfile
import numpy as np
import pytest
from wild import GREY

from napari_sr.errors import ImageError
from napari_sr.images.readers import read, read_image
from napari_sr.images.readers.formats import FORMATS, format_of, suffixes

HEADS = {
    "tiff": b"II*\0", "companion": b"<?xml version='1.0'?><OME", "arrays": b"\x93NUMPY",
    "picture": b"\x89PNG\r\n\x1a\n", "czi": b"ZISRAWFILE", "nd2": b"\xda\xce\xbe\x0a",
    "lif": b"\x70\0\0\0\0\0\0\0*", "oif": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "mrc": bytes(208) + b"MAP ", "dm": b"\0\0\0\x03", "ser": b"II\x97\x01", "hdf5": b"\x89HDF\r\n\x1a\n",
}  # fmt: skip


def stand_in(monkeypatch, family, name, **content):
    """A library that is not asked for its own bytes: what it would return is given."""
    module = ModuleType(name)
    vars(module).update(content)
    for part in (name.split(".")[0], name):
        monkeypatch.setitem(sys.modules, part, module if part == name else ModuleType(part))
    monkeypatch.delitem(sys.modules, f"napari_sr.images.readers.{family}", raising=False)
    return module


class Opened:
    """A file of a stand-in, which can be used with `with`."""

    def __init__(self, **content):
        vars(self).update(content)

    def __call__(self, path, **settings):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


@pytest.mark.parametrize("family", FORMATS, ids=lambda f: f.module)
@pytest.mark.parametrize("suffix", ["", ".tif", ".dat"])
def test_files_are_known_by_what_they_hold(family, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(HEADS[family.module] + bytes(600))
    assert format_of(path) is family


def message_of(path):
    try:
        read(path)
    except ImageError as error:
        return str(error)
    raise AssertionError("it was read")


# nd2 and ncempy leave what they could not open to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("family", FORMATS, ids=lambda f: f.module)
def test_what_is_damaged_is_an_image_error_with_the_name(family, tmp_path):
    path = tmp_path / f"cells{family.suffixes[0]}"
    path.write_bytes(HEADS[family.module] + bytes(600))
    assert "cells" in message_of(path)
    gc.collect()  # here, where it is known what is found
    path.write_bytes(b"")
    assert "empty" in message_of(path)


@pytest.mark.parametrize("family", [f for f in FORMATS if f.needs], ids=lambda f: f.module)
def test_a_missing_package_is_named(family, tmp_path, monkeypatch):
    path = tmp_path / "cells"
    path.write_bytes(HEADS[family.module] + bytes(600))
    for name in {family.needs, *(m for m in sys.modules if m.startswith(f"{family.needs}."))}:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"napari_sr.images.readers.{family.module}", raising=False)
    with pytest.raises(ImageError, match=rf"{family.title}.*pip install 'napari-sr\[formats\]'"):
        read(path)


def test_every_family_has_suffixes_of_its_own():
    assert len(set(suffixes())) == len(suffixes())
    assert all(s.startswith(".") and s == s.lower() for s in suffixes())


@pytest.mark.parametrize(("voxel", "size"), [(4.0, (4.0, 4.0)), (0.0, None)])
def test_mrc(voxel, size, tmp_path):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.stack([GREY, GREY[::-1]]).astype(np.int16))
        file.voxel_size = voxel
    image = read_image(tmp_path / "a.mrc")
    np.testing.assert_array_equal(image.data, np.stack([GREY, GREY[::-1]]))
    assert (image.axes, image.pixel_size) == ("ZYX", size)
    assert image.unit == ("Å" if size else "")


def test_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["small"] = GREY[:9, :9]
        stack = file.create_dataset("group/raw", data=np.stack([GREY] * 3))
        stack.attrs["element_size_um"] = [2.0, 0.5, 0.5]
        file["line"] = np.arange(9)
        file["words"] = "no image"
    image = read_image(tmp_path / "a.h5")
    assert (image.name, image.axes, image.pixel_size, image.unit) == ("/group/raw", "ZYX", (0.5, 0.5), "µm")
    for name in ("a.h5:/small", "a.h5:small", "a.h5:1"):
        np.testing.assert_array_equal(np.asarray(read_image(tmp_path / name).data[...]), GREY[:9, :9])


@pytest.mark.parametrize("frames", [1, 3])
def test_images_of_velox(frames, tmp_path):
    about = json.dumps({"BinaryResult": {"PixelSize": {"width": "5e-9", "height": "5e-9"}, "PixelUnitX": "m"}}).encode()
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("Data/Image/0a1b")
        group["Data"] = np.stack([GREY] * frames, axis=-1)
        group["Metadata"] = np.frombuffer(about.ljust(500, b"\0"), np.uint8)[:, None]
    image = read_image(tmp_path / "a.emd")
    assert (image.axes, len(image)) == ("YX" if frames == 1 else "YXT", frames)
    np.testing.assert_array_equal(image.plane(0), GREY)
    assert (image.pixel_size, image.unit) == (pytest.approx((5, 5)), "nm")


CZI = """<ImageDocument><Metadata><Scaling><Items><Distance Id="X"><Value>2e-7</Value></Distance><Distance Id="Y">
<Value>2e-7</Value></Distance><Distance Id="Z"><Value>nan</Value></Distance></Items></Scaling><Information><Image>
<Dimensions><Channels><Channel Id="0" Name="GFP"><Color>#FF00FF00</Color></Channel></Channels></Dimensions></Image>
</Information></Metadata></ImageDocument>"""


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [((1, 1, 40, 56, 1), "BCYX0", [("YX", (40, 56))]), ((2, 3, 40, 56, 1), "SZYX0", [("ZYX", (3, 40, 56))] * 2),
     ((1, 40, 56, 3), "BYX0", [("YXS", (40, 56, 3))]), ((4, 2, 40, 56, 1), "TCYX0", [("TCYX", (4, 2, 40, 56))])],
)  # fmt: skip
def test_czi(shape, axes, expected, tmp_path, monkeypatch):
    data = np.arange(np.prod(shape)).reshape(shape)
    file = Opened(asarray=lambda: data, axes=axes, metadata=lambda: CZI)
    stand_in(monkeypatch, "czi", "czifile", CziFile=file)
    (tmp_path / "a.czi").write_bytes(HEADS["czi"])
    found = read(tmp_path / "a.czi")
    assert [(s.axes, s.data.shape) for s in found] == expected
    assert (found[0].pixel_size, found[0].unit) == (pytest.approx((0.2, 0.2)), "µm")
    assert "Z" not in found[0].geometry.steps
    assert [(c.name, c.colour) for c in found[0].channels] == [("GFP", "#00ff00")]
    np.testing.assert_array_equal(np.ravel([s.data for s in found]), np.arange(np.prod(shape)))


def test_nd2(tmp_path, monkeypatch):
    import dask.array as da

    data = da.from_array(np.stack([np.stack([GREY, GREY + n]) for n in range(3)]))
    colour = SimpleNamespace(r=255, g=0, b=16)
    channels = [SimpleNamespace(channel=SimpleNamespace(name="red", color=colour))]

    class File:
        def __init__(self, path):
            self.sizes = {"P": 3, "C": 2, "Y": 40, "X": 56}
            self.metadata = SimpleNamespace(channels=channels)

        def to_dask(self):
            return data

        def voxel_size(self):
            return SimpleNamespace(x=0.2, y=0.2, z=0.0)

        def close(self):
            pass

    stand_in(monkeypatch, "nd2", "nd2", ND2File=File)
    (tmp_path / "a.nd2").write_bytes(HEADS["nd2"])
    found = read(tmp_path / "a.nd2")
    assert [(s.name, s.axes) for s in found] == [(f"position {n}", "CYX") for n in range(3)]
    np.testing.assert_array_equal(found[2].plane(1), GREY + 2)
    assert (found[0].pixel_size, found[0].channels[0].colour) == ((0.2, 0.2), "#ff0010")
    assert "Z" not in found[0].geometry.steps


@pytest.mark.parametrize(
    ("dims", "axes"), [("TYX", "TYX"), ("CZX", "CYX"), ("YCZX", "ZCYX"), ("ZX", "YX"), ("XT", "YX")]
)
def test_lif(dims, axes, tmp_path, monkeypatch):
    shape = (2, 3, 40, 56)[4 - len(dims) :]
    coords = {d: np.arange(n) * 2e-7 for d, n in zip(dims, shape, strict=True) if d in "XYZ"}
    image = SimpleNamespace(
        dims=tuple(dims), shape=shape, coords=coords, path="project/one", asarray=lambda: np.ones(shape)
    )
    stand_in(monkeypatch, "lif", "liffile", LifFile=Opened(images=[image, SimpleNamespace(shape=(5,))]))
    (tmp_path / "a.lif").write_bytes(HEADS["lif"])
    (found,) = read(tmp_path / "a.lif")
    assert (found.axes, found.data.shape, found.name) == (axes, shape, "project/one")
    if dims[-1] == "X" and dims[-2] in "YZ":
        assert found.pixel_size == pytest.approx((0.2, 0.2))


def test_oib(tmp_path, monkeypatch):
    given = (("Value", 0.2), ("Unit", "um"))
    about = {f"{side}Convert{what}": value for side in ("Width", "Height") for what, value in given}
    file = Opened(asarray=lambda: np.stack([GREY] * 2), axes="CYX", mainfile={"Reference Image Parameter": about})
    stand_in(monkeypatch, "oif", "oiffile", OifFile=file)
    (tmp_path / "a.oib").write_bytes(HEADS["oif"])
    image = read_image(tmp_path / "a.oib")
    assert (image.axes, image.pixel_size, image.unit) == ("CYX", (0.2, 0.2), "µm")


def test_dm(tmp_path, monkeypatch):
    objects = [
        {"data": GREY, "pixelSize": [0.25, 0.25], "pixelUnit": ["nm", "nm"]},
        {"data": np.arange(9), "pixelSize": [1], "pixelUnit": ["eV"]},
        {"data": np.stack([GREY] * 2), "pixelSize": [1, 1, 1], "pixelUnit": ["", "", ""]},
    ]
    file = Opened(numObjects=4, thumbnail=True, getDataset=lambda n: objects[n])
    module = stand_in(monkeypatch, "dm", "ncempy.io", dm=SimpleNamespace(fileDM=file))
    monkeypatch.setattr(module, "__path__", [], raising=False)
    (tmp_path / "a.dm3").write_bytes(HEADS["dm"])
    found = read(tmp_path / "a.dm3")
    assert [(s.axes, s.pixel_size, s.unit) for s in found] == [("YX", (0.25, 0.25), "nm"), ("ZYX", None, "")]
    file.getDataset = lambda n: objects[1]
    with pytest.raises(ImageError, match="no image"):
        read(tmp_path / "a.dm3")


def test_ser(tmp_path, monkeypatch):
    calibration = ({"CalibrationDelta": 5e-9}, {"CalibrationDelta": 5e-9})
    images = [(GREY, {"Calibration": calibration}), (GREY[::-1], {"Calibration": calibration})]
    file = Opened(head={"ValidNumberElements": 2}, getDataset=lambda n: images[n])
    stand_in(monkeypatch, "ser", "ncempy.io", ser=SimpleNamespace(fileSER=file))
    (tmp_path / "a.ser").write_bytes(HEADS["ser"])
    image = read_image(tmp_path / "a.ser")
    assert (image.axes, image.pixel_size, image.unit) == ("TYX", pytest.approx((5, 5)), "nm")
    images[1] = (GREY[:9], images[1][1])
    assert [s.data.shape for s in read(tmp_path / "a.ser")] == [(40, 56), (9, 56)]
    images[0] = (np.arange(9), {"Calibration": calibration[:1]})
    with pytest.raises(ImageError, match="spectra"):
        read(tmp_path / "a.ser")
