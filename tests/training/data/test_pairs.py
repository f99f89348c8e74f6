"""Measured LR/HR pairs, registration, and the split of images into training and validation."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from scipy.ndimage import gaussian_filter, shift
from small_models import SMALL

from napari_sr import load_sample
from napari_sr.degradations import make_degradation
from napari_sr.errors import ConfigError, ImageError, TrainingError
from napari_sr.images.lazy_plane import open_planes, opened_file
from napari_sr.images.readers.zarr_folder import pair_in
from napari_sr.images.writers import OutputInfo
from napari_sr.images.writers.zarr_folder import create_zarr
from napari_sr.intensity import Intensity
from napari_sr.models.model import load
from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.data.patches import PatchDataset, Plane2D
from napari_sr.training.data.sources import PairProblems, load_sources, pair_problems, without_constant
from napari_sr.training.data.split import fitting_patch, identity, split_planes, without
from napari_sr.training.runs.verdict import Verdict


def texture(rng, shape):
    return (gaussian_filter(rng.normal(size=shape), 2) * 500 + 1000).astype(np.float32)


def means(hr, scale=2):
    rows, columns = (n // scale for n in hr.shape)
    return hr[: rows * scale, : columns * scale].reshape(rows, scale, columns, scale).mean((1, 3))


@pytest.fixture
def folders(tmp_path, rng):
    """LR and HR folders of four pairs; the LR images are marked by a constant that no degradation adds."""
    for name in ("a", "b", "c", "d"):
        hr = texture(rng, (72, 80))
        for kind, image in (("hr", hr), ("lr", means(hr) + 5000)):
            (tmp_path / kind).mkdir(exist_ok=True)
            np.save(tmp_path / kind / f"{name}.npy", image)
    return tmp_path / "lr", tmp_path / "hr"


def small(source, **changes):
    settings = {
        "scale": 2, "degradation": "", "lr_patch": 16, "batch_size": 2, "steps": 4, "validate_every": 2,
        "hyper_parameters": SMALL["wgan"],
    }  # fmt: skip
    return recipe_config("wgan-pixel", name="small", train=(source,), **{**settings, **changes})


def test_measured_lr_images_are_what_is_trained_on(folders):
    lr, hr = folders
    planes = load_sources([Source(str(hr), lr=str(lr))], 2)
    assert [p.name for p in planes] == ["a.npy", "b.npy", "c.npy", "d.npy"]
    patches = PatchDataset(
        planes=planes, degradation=None, scale=2, intensity=Intensity(kind="identity"), lr_patch=16, length=20
    )
    for low, high, _ in (patches[i] for i in range(20)):
        np.testing.assert_allclose(low[0], means(high[0].numpy()) + 5000, rtol=1e-5)


def test_smoothing_of_measured_densities_is_estimated_as_it_is_told(rng):
    """Of their logarithm: of the densities themselves, it was that of a few clusters."""
    boxes = [np.asarray(load_sample("nbody").hr)] * 2
    chain = make_degradation("gaussian(sigma=2) + area", 4)
    pairs = [Plane2D(hr, lr=chain(hr, rng), name="box") for hr in boxes]
    intensity = Intensity(kind="log", low=-1.7, high=2.6)
    patches = PatchDataset(planes=pairs, degradation=None, scale=4, intensity=intensity, lr_patch=16, length=1)
    found = patches.measured_ranges()
    assert found["blur"] == pytest.approx((0.57, 0.57), abs=0.06)
    assert found["noise"] == (0.0, 0.0)


@pytest.fixture
def store(tmp_path, rng):
    """One zarr store with three pairs, as OME-Zarr images called hr and lr."""
    hr = np.stack([texture(rng, (72, 80)) for _ in range(3)])
    path = tmp_path / "pairs.zarr"
    zarr.create_group(str(path))
    for name, stack in (("hr", hr), ("lr", np.stack([means(plane) + 5000 for plane in hr]))):
        create_zarr(path / name, stack.shape, stack.dtype, "ZYX", OutputInfo("ZYX"))[...] = stack
    return path, hr


def test_one_zarr_store_holds_the_pairs(store):
    path, hr = store
    lr_path, hr_path = pair_in(path)
    planes = load_sources([Source(str(hr_path), lr=str(lr_path))], 2)
    assert len(planes) == 3
    for plane, truth in zip(planes, hr, strict=True):
        np.testing.assert_array_equal(plane.hr, truth)
        np.testing.assert_array_equal(plane.lr, means(truth) + 5000)
    with pytest.raises(ImageError, match=r"it holds pairs, so choose pairs.zarr/hr and pairs.zarr/lr"):
        load_sources([Source(str(path))], 2)
    assert pair_in(hr_path) is None
    assert pair_in(path.parent) is None


@pytest.mark.parametrize("kind", ["tif", "compressed.tif", "npy", "npz", "zarr", "png"])
def test_planes_stay_in_their_files(tmp_path, rng, kind):
    stack = rng.integers(0, 255, (1 if kind == "png" else 3, 70, 90), dtype=np.uint8)
    path = tmp_path / f"x.{kind}"
    if kind.endswith("tif"):
        options = {"compression": "zlib"} if "compressed" in kind else {}
        tifffile.imwrite(path, stack, photometric="minisblack", **options)
    elif kind == "npy":
        np.save(path, stack)
    elif kind == "npz":
        np.savez(path, hr=stack)
    elif kind == "zarr":
        create_zarr(path, stack.shape, stack.dtype, "ZYX", OutputInfo("ZYX"))[...] = stack
    else:
        Image.fromarray(stack[0]).save(path)
    planes = open_planes(path)
    assert len(planes) == len(stack)
    for plane, truth in zip(planes, stack, strict=True):
        assert (plane.shape, plane.dtype, plane.size, len(plane)) == (truth.shape, truth.dtype, truth.size, 70)
        part = plane[10:60, -50:]
        assert not isinstance(part, np.ndarray)
        np.testing.assert_array_equal(part[5:100, 7:9], truth[10:60, -50:][5:100, 7:9])
        np.testing.assert_array_equal(plane[::3, ::2], truth[::3, ::2])
        np.testing.assert_array_equal(np.asarray(plane, dtype=np.float32), truth.astype(np.float32))


def test_a_file_that_is_written_anew_is_not_taken_for_the_old_one(tmp_path, rng):
    path = tmp_path / "a.npy"
    first, second = rng.normal(size=(16, 16)), rng.normal(size=(20, 20))
    np.save(path, first)
    (old,) = open_planes(path)
    np.testing.assert_array_equal(np.asarray(old), first)
    path.unlink()
    np.save(path, second)
    (new,) = open_planes(path)
    np.testing.assert_array_equal(np.asarray(new), second)
    opened_file.cache_clear()
    with pytest.raises(ImageError, match="was written anew"):
        np.asarray(old[:4, :4])


def test_more_files_than_may_be_open_at_a_time_can_be_trained_on(tmp_path, rng):
    resource = pytest.importorskip("resource", reason="systems without limits of this kind")
    for number in range(200):
        np.save(tmp_path / f"{number:03}.npy", rng.normal(size=(16, 16)).astype(np.float32))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 100, limits[1]))
    try:
        planes = load_sources([Source(str(tmp_path))], 2)
        assert sum(np.asarray(plane.hr).size for plane in planes) == 200 * 16 * 16
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize(
    ("shape", "count", "patch", "expected"),
    [
        ((640, 640), 1, 64, 48),  # 160 LR pixels: 48 to keep, 48 between, 64 to train on
        ((640, 640), 9, 64, 64),
        ((2000, 640), 1, 64, 64),
        ((100, 640), 9, 64, 24),
        ((60, 60), 1, 64, 16),  # too small, whatever the patch
    ],
)
def test_patches_are_made_to_fit_small_images(shape, count, patch, expected, rng):
    assert fitting_patch(shape, count, scale=4, patch=patch) == expected
    planes = [Plane2D(rng.normal(size=shape)) for _ in range(count)]
    if shape == (60, 60):
        with pytest.raises(TrainingError, match="too small"):
            split_planes(planes, scale=4, lr_patch=expected)
    else:
        for part in split_planes(planes, scale=4, lr_patch=expected):
            assert all(min(p.hr.shape) >= 4 * expected for p in part)


def test_a_model_of_pairs_says_that_no_degradation_was_simulated(folders, tmp_path):
    lr, hr = folders
    model = load(fit(small(Source(str(hr), lr=str(lr))), tmp_path / "run", device="cpu"))
    assert model.card.degradation == ""


def test_names_without_a_partner_are_listed(folders):
    lr, hr = folders
    (lr / "b.npy").rename(lr / "x.npy")
    with pytest.raises(ImageError, match=r"without a partner: x.npy \(LR\), b.npy \(HR\)"):
        load_sources([Source(str(hr), lr=str(lr))], 2)


def test_sizes_that_do_not_fit_the_scale_are_said(folders):
    lr, hr = folders
    with pytest.raises(TrainingError, match=r"a.npy: at ×4 .* \(144, 160\)"):
        load_sources([Source(str(hr), lr=str(lr))], 4)


def test_no_degradation_and_no_lr_images_is_refused(folders):
    with pytest.raises(ConfigError, match="degradation"):
        small(Source(str(folders[1])))


@pytest.mark.parametrize("moved", [(0, 0), (3.0, 0), (-2.5, 4.0)])
def test_shifted_pairs_are_told_with_their_shift(moved, rng):
    hr = texture(rng, (160, 160))
    # shift the HR image: the LR image then seems to lie by -moved
    planes = [Plane2D(shift(hr, moved, order=3, mode="reflect"), lr=means(hr), name="pair")]
    found = pair_problems(planes, 2).sentences()
    if moved == (0, 0):
        assert found == []
    else:
        (said,) = found
        rows, columns = re.fullmatch(r"pair: LR and HR are shifted by (\S+), (\S+) HR pixels.*", said).groups()
        assert (float(rows), float(columns)) == pytest.approx(moved, abs=0.3)


@pytest.mark.parametrize("made", ["means", "inverted", "squared", "noisy", "another place", "noise"])
def test_pairs_that_have_nothing_in_common_are_named(made, rng):
    hr = texture(rng, (200, 240))
    lr = means(hr)
    lr = {
        "means": lr, "inverted": -lr, "squared": (lr - lr.min()) ** 2,
        "noisy": lr + rng.normal(0, 2 * lr.std(), lr.shape), "another place": means(texture(rng, (200, 240))),
        "noise": rng.normal(size=lr.shape),
    }[made]  # fmt: skip
    planes = [Plane2D(hr, lr=lr.astype(np.float32), name="pair"), Plane2D(hr, lr=means(hr), name="good")]
    found = pair_problems(planes, 2).sentences()
    if made in ("another place", "noise"):
        assert "hardly anything in common in 1 of the 2 pairs that were looked at (pair)" in found[-1]
    else:
        assert found == []


def test_pairs_with_holes_are_not_measured(rng):
    hr = texture(rng, (64, 64))
    hr[3, 3] = np.nan
    assert pair_problems([Plane2D(hr, lr=means(hr), name="holes")], 2) == PairProblems()


def test_what_was_learnt_of_pairs_of_other_places_is_no_good_model(tmp_path, rng):
    """Its smooth grey is nearer to any image than another image's bicubic is."""
    hr = np.stack([texture(rng, (144, 160)) for _ in range(4)])
    lr = np.stack([means(texture(rng, (144, 160))) for _ in range(4)])
    np.save(tmp_path / "hr.npy", hr)
    np.save(tmp_path / "lr.npy", lr)
    source = Source(str(tmp_path / "hr.npy"), lr=str(tmp_path / "lr.npy"))
    card = load(fit(small(source, steps=40, validate_every=20), tmp_path / "run", device="cpu")).card
    verdict = Verdict.of(card.training)
    assert card.metrics[0]["model"]["psnr"] > card.metrics[0]["bicubic"]["psnr"]
    assert verdict.bad
    assert verdict.headline.startswith("Its low- and high-resolution images hardly belong together. It is")
    assert "hardly anything in common in the one pair that was looked at (hr.npy)" in verdict.reasons[0]
    assert "which LR image belongs to which" in verdict.advice[0]


def test_a_shift_reaches_the_user_before_the_training(folders, tmp_path):
    lr, hr = folders
    for file in hr.iterdir():
        np.save(file, np.roll(np.load(file), 4, axis=1))
    events = []
    fit(small(Source(str(hr), lr=str(lr))), tmp_path / "run", device="cpu", on_event=events.append)
    assert "shifted by" in next(e.note for e in events if e.note)
    assert any("+4.0" in e.note for e in events)


def test_validation_is_whole_images(rng):
    planes = [Plane2D(texture(rng, (20, 20)), name=str(n)) for n in range(25)]
    train, validation = split_planes(planes, scale=2, lr_patch=4)
    assert {p.name for p in train} | {p.name for p in validation} == {str(n) for n in range(25)}
    assert not {p.name for p in train} & {p.name for p in validation}
    assert len(validation) == 3


@pytest.mark.parametrize(("count", "trained", "kept"), [(2, 1, 1), (9, 8, 8), (10, 8, 9), (40, 35, 36)])
def test_of_a_stack_the_last_planes_are_kept_and_not_their_neighbour(count, trained, kept, rng):
    """Planes of a stack resemble those beside them: a validation among them would tell nothing."""
    planes = [Plane2D(np.full((20, 20), n), name="stack.tif") for n in range(count)]
    train, validation = split_planes(planes, scale=2, lr_patch=4)
    assert [int(p.hr[0, 0]) for p in train] == list(range(trained))
    assert [int(p.hr[0, 0]) for p in validation] == list(range(kept, count))


def test_all_planes_of_a_file_are_on_one_side(rng):
    planes = [Plane2D(texture(rng, (20, 20)), name=f"{file}.tif") for file in range(12) for _ in range(3)]
    train, validation = split_planes(planes, scale=2, lr_patch=4)
    assert {p.name for p in validation} == {"1.tif", "11.tif"}
    assert len(validation) == 6
    assert len(train) == 30


def test_files_of_one_name_are_two_files(rng, tmp_path):
    for folder, count in (("a", 100), ("b", 10)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "stack.npy", rng.normal(size=(count, 16, 16)).astype(np.float32))
    sources = [Source(str(tmp_path / name / "stack.npy")) for name in "ab"]
    planes = load_sources(sources, 2)
    train, validation = split_planes(planes, scale=2, lr_patch=4)
    trained, validated = ([sum(p.source == n for p in part) for n in (0, 1)] for part in (train, validation))
    assert trained == [89, 8]  # one plane between is left out
    assert validated == [10, 1]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.5, 4.5)])
@pytest.mark.parametrize("counts", [(20, 3), (1, 1)])
def test_sources_are_drawn_as_their_weights_say(weights, counts, rng, tmp_path):
    for name, count in zip("ab", counts, strict=True):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(count, 16, 24)).astype(np.float32) + 100 * (name == "b"))
    sources = [Source(str(tmp_path / f"{n}.npy"), weight=w) for n, w in zip("ab", weights, strict=True)]
    planes = load_sources(sources, 2)
    dataset = PatchDataset(
        planes=planes, degradation=make_degradation("area", 2), scale=2, intensity=Intensity("identity", 0, 1),
        lr_patch=4, length=1500,
    )  # fmt: skip
    drawn = np.mean([float(dataset[i][1].mean()) > 50 for i in range(1500)])
    assert drawn == pytest.approx(weights[1] / sum(weights), abs=0.05)


def test_copies_are_known_by_their_content(rng, tmp_path):
    images = [rng.normal(size=(40, 40)).astype(np.float32) for _ in range(12)]
    for n, image in enumerate(images):
        np.save(tmp_path / f"{n:02}.npy", image)
    np.save(tmp_path / "00_copy.npy", images[11])  # the last one is kept
    np.save(tmp_path / "01_crop.npy", images[11][:30])
    train, validation = split_planes(load_sources([Source(str(tmp_path))], 2), scale=2, lr_patch=4)
    assert "11.npy" in [p.name for p in validation]
    assert not {identity(p.hr) for p in train} & {identity(p.hr) for p in validation}
    assert "00_copy.npy" not in [p.name for p in train]


def test_what_is_validated_on_is_not_trained_on(rng, tmp_path):
    stack = rng.normal(size=(5, 40, 40)).astype(np.float32)
    np.save(tmp_path / "train.npy", stack)
    (tmp_path / "other").mkdir()
    np.save(tmp_path / "other" / "copy.npy", stack[3])
    train = load_sources([Source(str(tmp_path / "train.npy"))], 2)
    kept = load_sources([Source(str(tmp_path / "other"))], 2)
    assert [p.hr.index for p in without(train, kept)] == [(0,), (1,), (2,), (4,)]
    assert without(train, load_sources([Source(str(tmp_path / "train.npy"))], 2)) == []


@pytest.mark.parametrize("flat", ["all", "some"])
def test_constant_images_are_left_out(flat, rng, tmp_path):
    stack = rng.integers(0, 255, (3, 80, 80)).astype(np.uint8)
    stack[1] = 7
    stack[2, 5:75, 5:75] = 9  # its middle alone is flat
    np.save(tmp_path / "a.npy", stack if flat != "all" else np.full_like(stack, 3))
    planes = load_sources([Source(str(tmp_path / "a.npy"))], 2)
    if flat == "all":
        with pytest.raises(TrainingError, match=r"nothing to learn from a\.npy"):
            without_constant(planes)
        return
    kept, constant = without_constant(planes)
    assert [p.hr.index for p in kept] == [(0,), (2,)]
    assert [p.hr.index for p in constant] == [(1,)]


@pytest.mark.parametrize("shape", [(100, 60), (60, 100)])
def test_a_single_image_is_split_one_patch_apart(shape):
    rows, columns = np.indices(shape)
    place = rows if shape[0] > shape[1] else columns
    lr = means(place.astype(np.float32))
    ((train,), (validation,)) = split_planes([Plane2D(place, lr=lr)], scale=2, lr_patch=8)
    assert validation.hr.min() - train.hr.max() - 1 == 16  # HR pixels: one patch of 8 LR pixels
    assert train.hr.max() + 1 >= 60
    for part in (train, validation):
        np.testing.assert_allclose(part.lr, means(part.hr))


def test_a_single_image_that_is_too_small_is_said():
    with pytest.raises(TrainingError, match="smaller patches"):
        split_planes([Plane2D(np.zeros((40, 40)))], scale=2, lr_patch=8)


def test_empty_patches_are_passed_over(rng):
    hr = np.full((400, 400), 100, np.float32)
    hr[:100, :100] = texture(rng, (100, 100))  # a sixteenth holds something
    arguments = {
        "planes": [Plane2D(hr)], "degradation": make_degradation("area", 2), "scale": 2,
        "intensity": Intensity(kind="identity"), "lr_patch": 16, "length": 200, "rotate": False, "flip": False,
    }  # fmt: skip
    filled = sum(float(patch[0].std()) > 1 for patch in (PatchDataset(**arguments)[i] for i in range(200)))
    assert filled > 80  # of uniform draws it would be about 200 / 16 + border = 22
    flat = PatchDataset(**{**arguments, "planes": [Plane2D(np.full((64, 64), 3.0, np.float32))]})
    assert float(flat[0][0].std()) == 0  # an image with nothing in it does not hang
