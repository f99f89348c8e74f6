"""Images into zarr block by block: the same as in memory, in place, valid, and gone on with after any end."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import dask.array
import numpy as np
import pytest
import yaozarrs
import zarr
from small_models import make_model

from napari_sr import load_model
from napari_sr.errors import Cancelled, ConfigError, ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.geometry import Geometry
from napari_sr.images.halving import halved
from napari_sr.images.readers import read_image
from napari_sr.images.selection import Selection
from napari_sr.images.writers import OutputInfo, create_output
from napari_sr.inference import Finished, Progress, Upscaler, blocks, to_zarr
from napari_sr.inference.block_engine import BlockEngine
from napari_sr.inference.files import iter_upscale_file
from napari_sr.inference.runner import Runner
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.inference.unfinished import folder_of


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 128)
    monkeypatch.setattr(blocks, "SMALLEST", 64)


def upscaler(model, **settings):
    return Upscaler(model, device="cpu", precision="fp32", **settings)


def finished(image, target, model, **settings) -> Finished:
    events = list(iter_upscale_to_zarr(image, target, upscaler(model), **settings))
    assert all(isinstance(e, Progress) for e in events[:-1])
    fractions = [e.fraction for e in events[:-1]]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert not folder_of(target).exists()
    return events[-1]


def picture(rng, shape, dtype=np.uint16):
    image = rng.integers(0, 60000, shape).astype(dtype)
    image[..., : shape[-2] // 2, :] //= 9
    return image


@pytest.mark.parametrize(
    ("network", "scale"), [("wgan", 2), ("wgan", 3), ("dfcan", 2), ("rcan", 4), ("adaptive", 4), ("bicubic", 3)]
)
def test_blocks_show_no_border(network, scale, rng, tmp_path):
    """As one plane in memory, in tiles of the same size: also where tiles are blended, and of any scale."""
    model = load_model(f"bicubic-x{scale}") if network == "bicubic" else make_model(network, scale)
    image = picture(rng, (2, 130, 101))
    found = finished(image, tmp_path / "a.zarr", model, axes="TYX")
    expected = upscaler(model, tile=found.report.tile)(image, axes="TYX")
    # kernels sum in an order that may depend on the size of a tile
    assert np.abs(found.image[...].astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("kind", ["dask", "zarr", "memmap", "float"])
def test_any_kind_of_image(kind, rng, tmp_path):
    model = make_model("wgan", 2)
    image = picture(rng, (100, 120), np.float32 if kind == "float" else ">u2")
    if kind == "float":
        image[30, 40], image[99, 0] = np.nan, np.inf
    expected = finished(image, tmp_path / "a.zarr", model)
    if kind == "dask":
        lazy = dask.array.from_array(image, chunks=(33, 50))
    elif kind == "zarr":
        lazy = zarr.create_array(str(tmp_path / "lr.zarr"), shape=image.shape, dtype=image.dtype, chunks=(33, 50))
        lazy[...] = image
    else:
        np.save(tmp_path / "lr.npy", image)
        lazy = np.load(tmp_path / "lr.npy", mmap_mode="r")
    found = finished(lazy, tmp_path / "b.zarr", model)
    assert found.image.dtype == image.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found.image[...], expected.image[...])
    if kind == "float":
        assert found.report.non_finite == 2
        assert np.isnan(found.image[60:62, 80:82]).all()


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_become_channels_of_the_file(samples, rng, tmp_path):
    model = make_model("wgan", 2)
    image = rng.integers(0, 255, (90, 80, samples)).astype(np.uint8)
    found = finished(image, tmp_path / "a.zarr", model)
    expected = upscaler(model)(image)
    assert found.image.shape == expected.shape
    assert np.abs(np.asarray(found.image[...]).astype(int) - expected.astype(int)).max() <= 1
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    again = read_image(tmp_path / "a.zarr")
    assert (again.axes, again.channels[0].name, again.channels[2].colour) == ("CYX", "red", "#0000ff")


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_every_resolution_lies_in_its_place(version, rng, tmp_path):
    """Of an image whose values are their own places, every pixel of every resolution says where it is."""
    steps, origin = {"Y": 0.25, "X": 0.5, "Z": 2.0}, {"Y": 7.0, "X": -3.0, "Z": 1.0}
    y = origin["Y"] + steps["Y"] * np.arange(180)
    x = origin["X"] + steps["X"] * np.arange(150)
    planes = np.stack([np.broadcast_to(y[:, None], (180, 150)), np.broadcast_to(x, (180, 150))]).astype(np.float64)
    info = OutputInfo("ZYX", Geometry(steps, dict.fromkeys("ZYX", "µm"), origin))
    part = Selection(slice(20, 164), slice(16, 144))
    target = tmp_path / "a.zarr"
    finished(planes, target, load_model("bilinear-x2"), axes="ZYX", info=info, selection=part, version=version)
    yaozarrs.validate_zarr_store(str(target))
    group = zarr.open_group(str(target), mode="r")
    assert group.metadata.zarr_format == {"0.5": 3, "0.4": 2}[version]
    about = dict(group.attrs)["ome"] if version == "0.5" else dict(group.attrs)
    assert about.get("version", about["multiscales"][0].get("version")) == version
    datasets = about["multiscales"][0]["datasets"]
    assert [group[d["path"]].shape[1:] for d in datasets] == [(288, 256), (144, 128), (72, 64), (36, 32)]
    for dataset in datasets:
        values = group[dataset["path"]][...]
        scale, translation = (t[t["type"]] for t in dataset["coordinateTransformations"])
        assert (scale[0], translation[0]) == (2.0, 1.0)
        for plane, axis in ((0, 1), (1, 2)):
            places = translation[axis] + scale[axis] * np.arange(values.shape[axis])
            shown = values[plane].mean(axis=2 - axis)
            np.testing.assert_allclose(shown, places, atol=1e-5)
    assert (datasets[0]["coordinateTransformations"][0]["scale"][1:]) == [0.125, 0.25]
    if version == "0.5":
        assert group["0"].shards == (1, 128, 128)
        assert read_image(target).pixel_size == (0.125, 0.25)


def test_what_a_result_was_made_from_is_in_it(rng, tmp_path):
    model = make_model("wgan", 2)
    np.save(tmp_path / "lr.npy", picture(rng, (50, 60)))
    settings = {"region": "10:40,5:55"}
    list(iter_upscale_file(tmp_path / "lr.npy", tmp_path / "sr.zarr", upscaler(model), **settings))
    about = zarr.open_group(str(tmp_path / "sr.zarr"), mode="r").attrs["napari_sr"]
    assert about["source"] == str(tmp_path / "lr.npy")
    assert about["model"]["name"] == model.card.name
    assert len(about["model"]["weights"]) == 64
    assert (about["precision"], about["region"], about["scale"]) == ("fp32", [10, 40, 5, 55], 2)


@pytest.mark.parametrize("shape", [(6, 8), (7, 8), (6, 9), (1, 1), (5, 5)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "?"])
def test_a_smaller_resolution_is_the_mean_of_what_there_is(shape, dtype, rng):
    values = (rng.random(shape) * (2 if dtype == "?" else 200)).astype(dtype)
    found = halved(values)
    assert found.dtype == values.dtype
    for row in range(-(-shape[0] // 2)):
        for column in range(-(-shape[1] // 2)):
            mean = values[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype(float).mean()
            expected = mean >= 0.5 if dtype == "?" else mean if dtype == "f4" else np.rint(mean)
            assert found[row, column] == pytest.approx(expected, rel=1e-6)


def test_a_region_and_some_planes_are_those_of_the_whole(rng, tmp_path):
    """Intensities are those of whole planes, and what lies around a region is seen."""
    model = make_model("wgan", 2)
    image = picture(rng, (4, 2, 120, 110))
    whole = finished(image, tmp_path / "a.zarr", model, axes="TCYX").image[...]
    part = Selection.parsed(Layout("TCYX", image.shape), "30:90,11:77", ["T=1:4:2", "C=1"])
    found = finished(image, tmp_path / "b.zarr", model, axes="TCYX", selection=part).image[...]
    expected = whole[1:4:2, 1:2, 60:180, 22:154]
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    tif = tmp_path / "c.tif"
    with create_output(tmp_path / "lr.npy", shape=image.shape, dtype=image.dtype, info=OutputInfo("TCYX")) as out:
        out[...] = image
    list(iter_upscale_file(tmp_path / "lr.npy", tif, upscaler(model), axes="TCYX", take=["T=1,3", "C=1"]))
    assert np.abs(np.asarray(read_image(tif).data).astype(int) - whole[1::2, 1:2].astype(int)).max() <= 1


def test_blocks_of_one_value_are_computed_once(rng, tmp_path, monkeypatch):
    model = make_model("wgan", 2)
    lazy = zarr.create_array(str(tmp_path / "lr.zarr"), shape=(2000, 640), dtype="u2", chunks=(64, 64))
    lazy[:64, :64] = picture(rng, (64, 64))
    original, tiles = Runner.infer, []
    monkeypatch.setattr(Runner, "infer", lambda self, lr: tiles.append(len(lr)) or original(self, lr))
    found = finished(lazy, tmp_path / "a.zarr", model).image[...]
    assert sum(tiles) < 40  # of some hundred blocks
    expected = upscaler(model, tile=200)(lazy)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def end(event_number, run):
    """Let a run go on for some events, and close it."""
    for _ in range(event_number):
        next(run)
    run.close()


def test_a_run_that_was_cut_off_goes_on(rng, tmp_path, monkeypatch):
    model, target = make_model("wgan", 2), tmp_path / "a.zarr"
    image = picture(rng, (300, 200))
    expected = finished(image, tmp_path / "whole.zarr", model)
    original, computed = BlockEngine.run, []

    def run(self, number, should_stop=None):
        computed.append(number)
        return (yield from original(self, number, should_stop))

    monkeypatch.setattr(BlockEngine, "run", run)
    for events in (14, 16, 18, 23):
        end(events, iter_upscale_to_zarr(image, target, upscaler(model)))
        assert not target.exists()
    events = list(iter_upscale_to_zarr(image, target, upscaler(model)))
    blocks_there_are = len(blocks.BlockPlan(1, (600, 400), 128))
    assert len(computed) <= blocks_there_are + 4  # one a cut
    assert set(computed) == set(range(blocks_there_are))
    assert any("gone on with" in note for note in events[-1].report.notes)
    going_on = [e for e in events[:-1] if e.before]
    assert going_on[0].fraction == going_on[0].before
    assert going_on[-1].remaining == pytest.approx(0, abs=1e-6)
    same(target, tmp_path / "whole.zarr")
    assert events[-1].report.problems == expected.report.problems
    assert events[-1].report.saturated == expected.report.saturated


def same(one, other):
    """Every file but the one that holds names and times."""
    files = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    assert files == {p.relative_to(other) for p in other.rglob("*") if p.is_file()}
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file


KILLED = """
import os, signal, sys
import numpy as np
from small_models import make_model
from napari_sr.inference import Upscaler, blocks
from napari_sr.inference.files import iter_upscale_file
from pathlib import Path
blocks.SIDE, blocks.SMALLEST = 128, 64
events = int(sys.argv[3])
upscaler = Upscaler(make_model("wgan", 2), device="cpu", precision="fp32")
for number, event in enumerate(iter_upscale_file(Path(sys.argv[1]), Path(sys.argv[2]), upscaler)):
    if number == events:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("events", [11, 30])  # in the full resolution, and in a smaller one
def test_a_run_that_was_killed_goes_on(events, rng, tmp_path):
    source, target = tmp_path / "lr.npy", tmp_path / "a.zarr"
    np.save(source, picture(rng, (220, 200)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(source), str(target), str(events)]
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    assert not target.exists()
    journal = folder_of(target) / "journal"
    with journal.open("a") as file:
        file.write("[3, 1")  # as if it had been killed there
    model = make_model("wgan", 2)
    done = list(iter_upscale_file(source, target, upscaler(model)))[-1]
    assert any("gone on with" in note for note in done.report.notes)
    list(iter_upscale_file(source, tmp_path / "whole.zarr", upscaler(model)))
    same(target, tmp_path / "whole.zarr")


@pytest.mark.parametrize("change", ["model", "region", "tile", "image", "version"])
def test_another_run_begins_anew_and_says_so(change, rng, tmp_path):
    source, target = tmp_path / "lr.npy", tmp_path / "a.zarr"
    image = picture(rng, (150, 130))
    np.save(source, image)
    end(9, iter_upscale_file(source, target, upscaler(make_model("wgan", 2))))
    assert folder_of(target).exists()
    model, settings, more = make_model("wgan", 2, seed=1 if change == "model" else 0), {}, {}
    if change == "region":
        settings["region"] = "0:140,0:130"
    elif change == "version":
        settings["version"] = "0.4"
    elif change == "tile":
        more["tile"] = 50
    elif change == "image":
        np.save(source, image[::-1])
    done = list(iter_upscale_file(source, target, upscaler(model, **more), **settings))[-1]
    said = {"tile": "tiles", "version": "OME-Zarr"}.get(change, change)
    assert any("thrown away" in note and said in note for note in done.report.notes)
    list(iter_upscale_file(source, tmp_path / "whole.zarr", upscaler(model, **more), **settings))
    same(target, tmp_path / "whole.zarr")


def test_an_image_that_changes_meanwhile_is_said(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(to_zarr, "LOOK_AGAIN", 0)
    source, target = tmp_path / "lr.zarr", tmp_path / "a.zarr"
    lazy = zarr.create_array(str(source), shape=(150, 130), dtype="u2", chunks=(64, 64))
    lazy[...] = picture(rng, (150, 130))
    run = iter_upscale_file(source, target, upscaler(make_model("wgan", 2)))
    for _ in range(8):
        next(run)
    lazy[:64, :64] = 3
    with pytest.raises(ImageError, match=r"lr\.zarr: The image was changed while it was worked on"):
        list(run)
    assert not target.exists()


def test_a_full_disk_is_said_and_what_is_done_is_kept(rng, tmp_path, monkeypatch):
    model, target = make_model("wgan", 2), tmp_path / "a.zarr"
    image = picture(rng, (150, 130))
    original, written = Layout.put, []

    def put(self, out, *rest):
        if isinstance(out, zarr.Array):
            written.append(out)
            if len(written) == 4:
                raise OSError(28, "No space left on device")
        original(self, out, *rest)

    monkeypatch.setattr(Layout, "put", put)
    with pytest.raises(ImageError, match=r"No space left on device.*What is done is kept"):
        finished(image, target, model)
    assert len((folder_of(target) / "journal").read_text().splitlines()) == 3
    finished(image, target, model)
    finished(image, tmp_path / "whole.zarr", model)
    same(target, tmp_path / "whole.zarr")


def test_a_damaged_journal_is_said(rng, tmp_path):
    model, target = make_model("wgan", 2), tmp_path / "a.zarr"
    image = picture(rng, (150, 130))
    end(9, iter_upscale_to_zarr(image, target, upscaler(model)))
    journal = folder_of(target) / "journal"
    journal.write_text("[0, 1]\n" + journal.read_text())
    with pytest.raises(ImageError, match=r"is damaged \(line 1 of .*\)\. Delete the folder"):
        finished(image, target, model)
    assert journal.exists()


def test_places_that_cannot_be_written_are_said(rng, tmp_path):
    model, image = make_model("wgan", 2), picture(rng, (50, 50))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ImageError, match="cannot be written"):
        finished(image, tmp_path / "file" / "a.zarr", model)
    finished(image, tmp_path / "a.zarr", model)
    with pytest.raises(ImageError, match="exists already"):
        finished(image, tmp_path / "a.zarr", model)
    finished(image[:40], tmp_path / "a.zarr", model, overwrite=True)
    assert read_image(tmp_path / "a.zarr").data.shape == (80, 100)
    with pytest.raises(ConfigError, match="version"):
        finished(image, tmp_path / "b.zarr", model, version="0.3")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "file"]


def test_two_runs_do_not_write_one_result(rng, tmp_path):
    model, image = make_model("wgan", 2), picture(rng, (150, 130))
    first = iter_upscale_to_zarr(image, tmp_path / "a.zarr", upscaler(model))
    for _ in range(5):
        next(first)
    with pytest.raises(ImageError, match="is being written by another run"):
        finished(image, tmp_path / "a.zarr", model)
    assert isinstance(list(first)[-1], Finished)


def test_a_run_can_be_stopped_within_a_tile(rng, tmp_path):
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 5

    with pytest.raises(Cancelled):
        finished(picture(rng, (150, 130)), tmp_path / "a.zarr", make_model("wgan", 2), should_stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_journal_is_small_and_readable(rng, tmp_path):
    end(12, iter_upscale_to_zarr(picture(rng, (150, 130)), tmp_path / "a.zarr", upscaler(make_model("wgan", 2))))
    lines = (folder_of(tmp_path / "a.zarr") / "journal").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == list(range(len(lines)))
    assert Path(folder_of(tmp_path / "a.zarr")).name.startswith(".")
    assert len(folder_of(tmp_path / ("x" * 250 + ".zarr")).name.encode()) < 255


def test_a_long_run_tells_what_it_does_within_moments(rng, tmp_path):
    run = iter_upscale_to_zarr(picture(rng, (150, 130)), tmp_path / "a.zarr", upscaler(make_model("wgan", 2)))
    start = time.perf_counter()
    assert next(run).stage == "Looking at the image"
    assert time.perf_counter() - start < 1
    run.close()
