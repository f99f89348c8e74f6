"""Densities in units of their own: kilograms per cubic metre, solar masses a cubic megaparsec, particles a cell."""

import numpy as np
import pytest

from napari_sr import load_model, upscale
from napari_sr.conditions import within
from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.densities import density_unit, log_density
from napari_sr.evaluation.test_set import evaluate_images
from napari_sr.images.axes import Layout
from napari_sr.images.readers import read_image
from napari_sr.images.samples import load_sample
from napari_sr.inference import Finished, Upscaler, blocks, iter_upscale
from napari_sr.inference.conditions import estimated
from napari_sr.inference.own_microscope import degradation_like
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.intensity import Intensity
from napari_sr.models.fit import fit, look
from napari_sr.models.kind import guess_kind
from napari_sr.widgets.super_resolve.fit_watch import conditions_of

UNITS = (8.6e-27, 1e-3, 20.0, 8.7e10, 1e30)
CPU = {"device": "cpu", "precision": "fp32"}
LOG = Intensity(kind="log", low=np.log10(0.02), high=np.log10(400))


def density():
    sample = np.asarray(load_sample("nbody").hr, np.float64)
    return sample / sample.mean()


def coarse(hr):
    return hr.reshape(hr.shape[0] // 4, 4, -1, 4).mean(axis=(1, 3))


@pytest.mark.parametrize("mean", [0.2, 0.5, 1.0, 3.0, 5.0])
def test_densities_of_another_part_of_the_universe_stay_as_they_are(mean):
    assert density_unit(density() * mean * 1.0000001 if mean < 1 else density() * mean * 0.9999999) == 1


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.full((4, 4), -3.0), np.zeros((0, 4))])
def test_what_has_no_mean_has_no_unit(image):
    assert density_unit(image) == 1


def test_pixels_without_a_value_do_not_count():
    image = density() * 1e10
    image[3, 5], image[7, 8] = np.nan, np.inf
    assert density_unit(image) == pytest.approx(1e10, rel=1e-2)


@pytest.mark.parametrize("unit", UNITS)
def test_a_network_sees_the_same_in_every_unit(unit):
    image = density()
    expected, found = LOG.fit(image), LOG.fit(image * unit)
    np.testing.assert_allclose(found.forward(image * unit), expected.forward(image), atol=1e-6)
    back = found.inverse(found.forward(image * unit)) / unit
    np.testing.assert_allclose(back, expected.inverse(expected.forward(image)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", ["nbody-x4", "nbody-rcan-x4"])
def test_pictures_do_not_depend_on_the_unit(name, unit):
    lr, model = coarse(density()), load_model(name)
    expected = upscale(lr, model, dtype=np.float64, **CPU)
    found = upscale(lr * unit, model, dtype=np.float64, **CPU) / unit
    np.testing.assert_allclose(log_density(found), log_density(expected), atol=1e-4)


def test_the_unit_is_said_once():
    lr, model = coarse(density()), load_model("nbody-x4")
    for unit, said in ((1.0, []), (8.7e10, ["Densities were taken in units of 8.7e+10, their mean"])):
        events = iter_upscale(np.stack([lr, lr[::-1]]) * unit, model, axes="ZYX", **CPU)
        (finished,) = (event for event in events if isinstance(event, Finished))
        assert [note for note in finished.report.notes if "Densities" in note] == said


def test_block_by_block_it_is_the_same_and_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 64)
    monkeypatch.setattr(blocks, "SMALLEST", 32)
    lr, told = coarse(density()).astype(np.float32), {"blur": 0.5, "noise": 0.1, "shot": 0.0}
    lr[:32] *= np.float32(1e-2)  # a void: of a block of its own, the mean is another one
    lr *= np.float32(8.7e10)
    model = load_model("nbody-x4")
    *_, finished = iter_upscale_to_zarr(lr, tmp_path / "out.zarr", Upscaler(model, **CPU), axes="YX", conditions=told)
    assert len([note for note in finished.report.notes if "Densities" in note]) == 1
    found = read_image(tmp_path / "out.zarr").data
    unit = density_unit(lr)
    expected = upscale(lr, model, conditions=told, dtype=np.float32, **CPU)
    np.testing.assert_allclose(log_density(found, unit), log_density(expected, unit), atol=1e-3)


def test_parts_of_an_image_have_the_unit_of_the_whole():
    image = coarse(density())
    image[:32] *= 1e-2  # a void
    image = image / image.mean() * 8.7e10
    whole = Upscaler(load_model("nbody-x4"), **CPU)
    pinned = whole.pinned(image, Layout("YX", image.shape), ())
    fitted = pinned.model.intensity.fit(image[:8])
    assert fitted == whole.model.intensity.fit(image)


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_said_of_a_density_does_not_depend_on_its_unit(unit):
    lr = coarse(density())
    expected, found = look(lr, kind="N-body"), look(lr * unit, kind="N-body")
    assert found.blur == pytest.approx(expected.blur, abs=1e-3)
    assert fit(load_model("nbody-x4").card, found) == fit(load_model("nbody-x4").card, expected)


@pytest.mark.parametrize("unit", [8.6e-27, 8.7e10, 1e30])
def test_units_of_masses_and_volumes_are_no_camera(unit):
    assert guess_kind(density()) == guess_kind(density() * unit) == "N-body"


@pytest.mark.parametrize("unit", UNITS)
def test_figures_do_not_depend_on_the_unit(unit):
    hr = density()
    pred = np.repeat(np.repeat(coarse(hr), 4, axis=0), 4, axis=1)
    tables = [evaluate_images({"large pixels": [pred * u]}, [hr * u], density=True, crop=4) for u in (1.0, unit)]
    expected, found = (table.each["large pixels"][0] for table in tables)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5)
    assert "densities in units of their mean" in tables[1].conditions
    assert "densities in units of their mean" not in tables[0].conditions


def test_a_card_says_nothing_of_units():
    assert "unit" not in LOG.to_dict()
    assert Intensity.from_dict(LOG.to_dict()) == LOG


@pytest.mark.parametrize("name", ["nbody-x4", "em-x4", "fluo-x2"])
def test_the_window_tells_a_model_what_the_command_line_does(name, rng):
    model = load_model(name)
    lr = coarse(density()) if name == "nbody-x4" else load_sample("em-phantom").lr
    wanted, trained = model.network.conditions, model.card.lr_images
    expected = estimated(wanted, trained, lr, model.intensity.fit(lr))
    told = conditions_of(look(lr, kind=model.card.kind))
    for condition in wanted:
        value = condition.clipped(within(trained.get(condition.name), told[condition.name]))
        assert value == pytest.approx(expected[condition.name], abs=1e-6), condition.name


@pytest.mark.parametrize("unit", [8.6e-27, 8.7e10, 1e30])
@pytest.mark.parametrize("preset", ["nbody", "any-density"])
def test_low_resolution_is_made_alike_in_every_unit(preset, unit):
    hr, chain = density(), make_degradation(preset, 4)
    for seed in range(4):  # of any-density, means and means of logarithms
        expected, found = (low_resolution(hr * u, chain, np.random.default_rng(seed)) / u for u in (1.0, unit))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("unit", [8.6e-27, 8.7e10, 1e30])
def test_the_users_own_images_are_imitated_alike_in_every_unit(unit):
    lr = coarse(density())
    assert degradation_like(lr * unit, 4) == degradation_like(lr, 4)
