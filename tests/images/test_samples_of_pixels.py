"""What the numbers of a pixel mean: a result looks in every picture viewer like its input.

Pillow and tifffile look; nearest-x2 keeps every value, so that what is written can be compared exactly.
"""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from wild import COLOURS, GREY

from napari_sr.errors import ImageError
from napari_sr.images.readers import read_image
from napari_sr.inference import Upscaler
from napari_sr.inference.files import iter_upscale_file
from napari_sr.models.store import load_model


def twice(image):
    return image.repeat(2, axis=0).repeat(2, axis=1)


def enlarged(path, suffix=".tif"):
    """Super-resolve a file by repeating its pixels; returns the file that was written."""
    target = path.with_name(f"{path.stem}_large{suffix}")
    model = load_model("nearest-x2")
    list(iter_upscale_file(path, target, Upscaler(model, precision="fp32", device="cpu"), overwrite=True))
    return target


def looks(path, mode="L"):
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode))


@pytest.mark.parametrize("dtype", ["u1", "u2", "?"])
def test_white_is_the_smallest_value(dtype, tmp_path):
    path = tmp_path / "a.tif"
    image = GREY > 100 if dtype == "?" else GREY.astype(dtype)
    tifffile.imwrite(path, ~image if dtype == "?" else np.iinfo(dtype).max - image, photometric="miniswhite")
    expected = np.where(image, 255, 0) if dtype == "?" else image
    np.testing.assert_array_equal(read_image(path).data, expected)
    np.testing.assert_array_equal(tifffile.imread(enlarged(path)), twice(expected))
    if dtype == "u1":
        np.testing.assert_array_equal(looks(path), GREY)
        np.testing.assert_array_equal(looks(enlarged(path)), twice(GREY))


def test_white_is_the_smallest_of_twelve_bits(tmp_path):
    image = GREY.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", 4095 - image, photometric="miniswhite", bitspersample=12)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, image)


def test_floats_whose_white_is_smallest_are_left_and_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype("f4"), photometric="miniswhite")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, GREY)
    assert "white" in image.notes[0]


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_black_and_white(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, GREY > 100)
    else:
        Image.fromarray(GREY > 100).save(path)
    assert set(np.unique(looks(path))) == {0, 255}
    np.testing.assert_array_equal(looks(enlarged(path)), twice(looks(path)))


def shuffled_palette(rng, grey):
    order = rng.permutation(256)
    table = np.stack([order, order if grey else order[::-1], order if grey else rng.permutation(256)])
    return table, np.argsort(order)[GREY].astype(np.uint8)


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("kind", ["tif", "png"])
def test_numbers_of_a_palette(grey, kind, rng, tmp_path):
    table, indices = shuffled_palette(rng, grey)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, indices, photometric="palette", colormap=(table * 257).astype(np.uint16))
    else:
        picture = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
        picture.putpalette(table.T.astype(np.uint8).ravel().tolist())
        picture.save(path)
    before = looks(path, "RGB")
    after = enlarged(path)
    np.testing.assert_array_equal(looks(after, "RGB"), twice(before))
    assert read_image(path).axes == ("YX" if grey else "YXS")


def test_a_ramp_of_colours_shows_quantities(tmp_path):
    green = np.zeros((3, 256), np.uint16)
    green[1] = np.arange(256) * 257
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, photometric="palette", colormap=green)
    image = read_image(path)
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, GREY)
    np.testing.assert_array_equal(looks(enlarged(path), "RGB"), twice(looks(path, "RGB")))


def test_a_grey_image_with_a_coloured_scale_bar_is_grey(tmp_path):
    table = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    table[:, 255] = [0, 65_535, 0]
    image = GREY.copy()
    image[-3:-1, 5:8] = 255
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="palette", colormap=table)
    found = read_image(tmp_path / "a.tif")
    assert found.axes == "YX"
    np.testing.assert_array_equal(found.data[:-3], GREY[:-3])
    assert found.data[-3, 5] == round(0.587 * 255)
    assert "drawn" in found.notes[0]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_printing_colours(dtype, tmp_path):
    full = np.iinfo(dtype).max
    ink = np.dstack([COLOURS, GREY // 2]).astype(dtype) * (full // 255)
    tifffile.imwrite(tmp_path / "a.tif", ink, photometric="separated", planarconfig="contig")
    share = ink.astype(float) / full
    expected = np.rint((1 - share[..., :3]) * (1 - share[..., 3:]) * full)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, expected)
    assert "CMYK" in image.notes[0]
    if dtype == "u1":
        np.testing.assert_allclose(expected, looks(tmp_path / "a.tif", "RGB").astype(float), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, extratags=[(274, "H", 1, orientation, True)])
    # Pillow turns PNG files reliably
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(GREY).save(tmp_path / "same.png", exif=exif)
    with Image.open(tmp_path / "same.png") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    assert upright.shape == (GREY.shape if orientation < 5 else GREY.shape[::-1])
    np.testing.assert_array_equal(read_image(path).data, upright)
    np.testing.assert_array_equal(looks(enlarged(path)), twice(upright))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_orientation_of_photographs(orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").data.shape == (GREY.shape if orientation < 5 else GREY.shape[::-1])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("arrangement", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colours_in_planes_and_in_pixels(dtype, arrangement, compression, tmp_path):
    path, image = tmp_path / "a.tif", COLOURS.astype(dtype)
    stored = np.moveaxis(image, -1, 0) if arrangement == "separate" else image
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=arrangement, compression=compression)
    for lazy in (False, True):
        found = read_image(path, lazy=lazy)
        assert found.axes == "YXS"
        np.testing.assert_array_equal(np.asarray(found.data[...]), image)
    np.testing.assert_allclose(tifffile.imread(enlarged(path)), twice(image), rtol=1e-6 if dtype == "f4" else 0)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("kind", ["tif", "png"])
def test_colours_with_opacity(dtype, kind, tmp_path):
    full = np.iinfo(dtype).max
    image = np.dstack([COLOURS, 255 - GREY]).astype(dtype) * (full // 255)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, image, photometric="rgb", extrasamples=["unassalpha"])
    else:
        import imagecodecs

        path.write_bytes(imagecodecs.png_encode(image))
    found = read_image(path)
    assert (found.axes, found.data.dtype) == ("YXS", np.dtype(dtype))
    np.testing.assert_array_equal(found.data, image)
    written = tifffile.imread(enlarged(path))
    np.testing.assert_array_equal(written[..., :3], twice(image)[..., :3])
    assert written.shape == (80, 112, 4)


def test_colours_that_were_multiplied_with_opacity(tmp_path):
    opacity = np.clip(GREY, 40, 255).astype(np.uint8)
    multiplied = np.rint(COLOURS * (opacity[..., None] / 255.0)).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([multiplied, opacity]), photometric="rgb", extrasamples=["assocalpha"]
    )
    found = np.asarray(read_image(tmp_path / "a.tif").data, float)
    np.testing.assert_allclose(found[..., :3], COLOURS, atol=255 / 40 / 2 + 1)
    np.testing.assert_array_equal(found[..., 3], opacity)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("kind", ["tif", "png"])
def test_grey_with_opacity_is_grey(dtype, kind, tmp_path):
    image = np.dstack([GREY, np.full_like(GREY, 200)]).astype(dtype)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, image, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"])
    else:
        import imagecodecs

        path.write_bytes(imagecodecs.png_encode(image))
    found = read_image(path)
    assert found.axes == "YX"
    np.testing.assert_array_equal(found.data, GREY.astype(dtype))
    assert "opacity" in found.notes[0]


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("arrangement", ["contig", "separate"])
def test_further_samples_are_channels(count, arrangement, tmp_path):
    image = np.stack([np.roll(GREY, n, axis=1) for n in range(count)], axis=-1)
    stored = np.moveaxis(image, -1, 0) if arrangement == "separate" else image
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=arrangement, metadata=None)
    found = read_image(path)
    assert sorted(found.axes) == ["C", "X", "Y"]
    assert len(found) == count
    for n, plane in enumerate(found.planes()):
        np.testing.assert_array_equal(plane, image[..., n])
    written = read_image(enlarged(path))
    assert written.axes == "CYX"
    np.testing.assert_array_equal(written.data, twice(image).transpose(2, 0, 1))


def test_colours_with_samples_of_another_kind(tmp_path):
    image = np.dstack([COLOURS, GREY, GREY])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["unspecified", "unspecified"])
    found = read_image(tmp_path / "a.tif")
    assert found.data.shape == (*GREY.shape, 3)
    assert "5 samples" in found.notes[0]


def test_video_colours(tmp_path):
    with Image.fromarray(COLOURS) as picture:
        stored = np.asarray(picture.convert("YCbCr"))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="ycbcr", planarconfig="contig")
    seen = np.asarray(Image.frombytes("YCbCr", stored.shape[1::-1], stored.tobytes()).convert("RGB"), float)
    np.testing.assert_allclose(np.asarray(read_image(tmp_path / "a.tif").data, float), seen, atol=1)


def test_sixteen_bits_of_pictures(tmp_path):
    import imagecodecs

    for image in (GREY.astype(np.uint16) * 300, COLOURS.astype(np.uint16) * 300):
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))
        found = read_image(tmp_path / "a.png")
        assert found.data.dtype == np.uint16
        np.testing.assert_array_equal(found.data, image)


def test_compression_that_nobody_knows_is_no_damage(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags["Compression"].overwrite(50_999)
    with pytest.raises(ImageError, match="not supported") as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)


def test_films_are_refused_in_words(tmp_path):
    frames = [Image.fromarray(np.roll(GREY, n, axis=1)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="3 frames"):
        read_image(tmp_path / "a.gif")


def test_colours_as_people_see_them(tmp_path):
    from skimage.color import rgb2lab

    lab = rgb2lab(COLOURS / 255.0)
    stored = np.dstack([np.rint(lab[..., 0] * 2.55), np.rint(lab[..., 1:]).astype(np.int8).view(np.uint8)]).astype(
        np.uint8
    )
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="cielab", planarconfig="contig")
    found = np.asarray(read_image(tmp_path / "a.tif").data, float)
    assert np.abs(found - COLOURS).mean() < 1  # a and b have whole numbers only
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="logl")
    with pytest.raises(ImageError, match=r"colours as .*not supported"):
        read_image(tmp_path / "b.tif")
