"""Networks that are told something: what they see of it, and that telling costs nothing."""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import make_model

from napari_sr import load_sample, upscale
from napari_sr.conditions import BLUR, NOISE, SHOT, noise_conditions, normalised
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.errors import ConfigError
from napari_sr.estimation import estimate
from napari_sr.inference import Finished, iter_upscale
from napari_sr.inference.conditions import estimate_conditions
from napari_sr.inference.device import Target, prepare
from napari_sr.intensity import Intensity
from napari_sr.networks import NETWORKS, create_network
from napari_sr.networks.filter_bank import FilterBank

CONDITIONED = [name for name in NETWORKS if NETWORKS[name].conditions]
TOLD = [
    dict(zip(("blur", "noise", "shot"), values, strict=True))
    for values in itertools.product((0.0, 0.5, 1.1), (0.1, 3.0), (-0.5, 1.0))
]


def shaken(name, scale):
    """A network that listens: as built, what it is told changes nothing."""
    network = create_network(name, scale=scale, num_blocks=2, num_features=8, kernel_size=5).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("condition", [BLUR, NOISE, SHOT])
def test_what_a_network_sees_goes_from_minus_one_to_one(condition):
    assert condition.normalised(condition.low) == pytest.approx(-1)
    assert condition.normalised(condition.high) == pytest.approx(1)
    assert condition.normalised(10 * condition.high + 1) == pytest.approx(1)
    middle = np.sqrt(condition.low * condition.high) if condition.logarithmic else (condition.low + condition.high) / 2
    assert condition.normalised(middle) == pytest.approx(0, abs=1e-12)


def test_what_is_left_out_takes_its_default():
    assert normalised((BLUR, NOISE), {"noise": 3.0}) == [BLUR.normalised(BLUR.default), NOISE.normalised(3.0)]


@pytest.mark.parametrize(("photons", "read"), [(200, 0), (50, 0), (50, 2), (1e9, 5)])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (20, 120), (-3, 3)])
def test_noise_counts_in_the_range_of_the_image(photons, read, low, high, rng):
    """Against noise that was drawn."""
    slope = (high - low) / photons
    told = noise_conditions(slope, (read * slope) ** 2 - slope * low, low=low, high=high)
    drawn = [(rng.poisson(share * photons, 200_000) + rng.normal(0, read, 200_000)) / photons for share in (0.0, 1.0)]
    dark, bright = (float(np.var(d)) for d in drawn)
    assert told["noise"] == pytest.approx(100 * np.sqrt((dark + bright) / 2), rel=0.02)
    assert told["shot"] == pytest.approx((bright - dark) / (bright + dark), abs=0.02)


@pytest.mark.parametrize("name", CONDITIONED)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("told", TOLD[::3])
def test_folding_what_was_told_gives_the_same_numbers(name, scale, told):
    network = shaken(name, scale)
    lr = torch.rand(2, 1, 13, 17)
    conditions = torch.tensor([normalised(network.conditions, told)] * 2)
    with torch.no_grad():
        expected = network(lr, conditions)
        network.tell(told)
        torch.testing.assert_close(network(lr), expected)
        folded = copy.deepcopy(network).fold_for_inference()
        torch.testing.assert_close(folded(lr), expected, rtol=1e-4, atol=1e-5)
    assert folded.halo == network.halo


@pytest.mark.parametrize("name", CONDITIONED)
def test_each_image_of_a_batch_is_told_its_own(name):
    network = shaken(name, 2)
    lr = torch.rand(1, 1, 12, 12).repeat(len(TOLD), 1, 1, 1)
    conditions = torch.tensor([normalised(network.conditions, told) for told in TOLD])
    with torch.no_grad():
        together = network(lr, conditions)
        for row, one in enumerate(conditions):
            torch.testing.assert_close(together[row : row + 1], network(lr[:1], one[None]), rtol=1e-4, atol=1e-5)
    assert float((together[0] - together[-1]).abs().max()) > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_prepared_network_was_told(precision):
    network = shaken("adaptive", 4)
    lr = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        first, second = (prepare(network, Target("cpu", precision), {"blur": blur})(lr) for blur in (0.1, 1.2))
        network.tell({"blur": 0.1})
        tolerance = 1e-5 if precision == "fp32" else 0.05
        torch.testing.assert_close(first, network(lr), rtol=tolerance, atol=tolerance)
    assert float((first - second).abs().max()) > 1e-2


def test_filters_between_points_of_the_grid_are_means_of_those_beside_them():
    bank = FilterBank(scale=2, kernel_size=3, num_blurs=3, num_noises=3)
    torch.nn.init.normal_(bank.taps)
    grid = bank.taps.reshape(3, 3, 4, 3, 3)
    told = torch.tensor([[-1.0, -1.0], [1.0, 0.0], [-0.5, 0.0], [0.0, 0.75]])
    expected = [grid[0, 0], grid[2, 1], (grid[0, 1] + grid[1, 1]) / 2, 0.25 * grid[1, 1] + 0.75 * grid[1, 2]]
    torch.testing.assert_close(bank.blended(told), torch.stack(expected))


def test_filters_act_as_correlations(rng):
    """Against scipy."""
    from scipy.ndimage import correlate

    bank = FilterBank(scale=2, kernel_size=5, num_blurs=2, num_noises=2)
    torch.nn.init.normal_(bank.taps)
    lr = rng.normal(size=(9, 7)).astype(np.float32)
    told = torch.tensor([[1.0, -1.0]])
    with torch.no_grad():
        found = bank(torch.from_numpy(lr)[None, None], told)[0, 0].numpy()
        fixed = bank.fixed(told)(torch.from_numpy(lr)[None, None])[0, 0].numpy()
    for phase in range(4):
        taps = bank.taps[2, phase].reshape(5, 5).detach().numpy()
        np.testing.assert_allclose(
            found[phase // 2 :: 2, phase % 2 :: 2], correlate(lr, taps, mode="nearest"), atol=1e-4
        )
    np.testing.assert_allclose(fixed, found, atol=1e-4)


def model_that_listens():
    model = make_model("adaptive", 2, num_blocks=1, num_features=8, kernel_size=5)
    model.network.load_state_dict(create_and_shake(model.network.hyper_parameters).state_dict())
    return model


def create_and_shake(hyper_parameters):
    network = create_network("adaptive", **hyper_parameters)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def test_the_engine_tells_what_it_was_given(image):
    model = model_that_listens()
    given = {"blur": 0.9, "noise": 2.0, "shot": 0.5}
    sr = upscale(image, model, conditions=given, precision="fp32", dtype=np.float32)
    fitted = model.intensity.fit(image)
    model.network.tell(given)
    with torch.no_grad():
        expected = fitted.inverse(model.network(torch.from_numpy(fitted.forward(image))[None, None])[0, 0].numpy())
    np.testing.assert_allclose(sr, expected, rtol=1e-4, atol=1e-2)


def test_what_is_not_given_is_estimated_and_said(image):
    model = model_that_listens()
    *_, done = iter_upscale(image, model, conditions={"blur": 0.9}, precision="fp32")
    assert isinstance(done, Finished)
    estimated = estimate_conditions(model.network.conditions, image, model.intensity.fit(image))
    assert done.report.conditions["blur"] == 0.9
    assert done.report.conditions["noise"] == estimated["noise"]
    assert "Told: blur 0.90 LR pixels" in done.report.notes
    assert f"Estimated: noise {estimated['noise']:.2f} % of the range" in done.report.notes


def test_what_is_told_is_told_within_the_limits_and_channels_apart(image):
    model = model_that_listens()
    *_, done = iter_upscale(image, model, conditions={"blur": 99, "noise": -3}, precision="fp32")
    assert "Told: blur 1.30 LR pixels, noise 0.10 % of the range" in done.report.notes
    everything = {"blur": 0.5, "noise": 2.0, "shot": 0.0}
    *_, done = iter_upscale(image, model, conditions=everything, precision="fp32")
    assert not any(note.startswith(("Told", "Estimated")) for note in done.report.notes)
    *_, done = iter_upscale(np.stack([image, image]), model, axes="CYX", precision="fp32")
    estimated = [note.partition(":")[0] for note in done.report.notes if note.startswith("Estimated")]
    assert estimated == ["Estimated for channel 0", "Estimated for channel 1"]


def test_planes_of_a_stack_share_what_is_estimated_and_channels_do_not(image, rng):
    model = model_that_listens()
    noisy = np.clip(image + rng.normal(0, 25, image.shape), 0, 255).astype(np.uint8)
    stack = np.stack([np.stack([image, noisy])] * 3, axis=0)  # Z, C, Y, X
    sr = upscale(stack, model, axes="ZCYX", precision="fp32")
    for channel, plane in enumerate((image, noisy)):
        np.testing.assert_array_equal(sr[1, channel], upscale(plane, model, precision="fp32"))
    assert np.array_equal(sr[0], sr[2])


@pytest.mark.parametrize("given", [{"haze": 1.0}, {"blur": "much"}, {"noise": float("nan")}])
def test_what_it_cannot_be_told_is_said(image, given):
    with pytest.raises(ConfigError, match=next(iter(given))):
        upscale(image, model_that_listens(), conditions=given)


def test_a_network_that_is_told_nothing_says_so(image, model):
    with pytest.raises(ConfigError, match="told nothing"):
        upscale(image, model, conditions={"blur": 1.0})


def test_densities_are_told_in_their_logarithm(rng):
    field = np.exp(rng.normal(size=(64, 64))).astype(np.float32)
    fitted = Intensity(kind="log", low=-1.7, high=2.6).fit(field)
    values = estimate_conditions((BLUR, NOISE, SHOT), field, fitted)
    assert values["blur"] == pytest.approx(estimate(fitted.forward(field), density=True).blur.sigma)


@pytest.mark.parametrize("made", ["nbody", "area", *(f"gaussian(sigma={sigma}) + area" for sigma in (1, 2, 3))])
def test_simulated_densities_are_told_their_smoothing_and_no_noise(made):
    """As in training: the model for any density never saw noise from light, and took it for structure."""
    density = np.asarray(load_sample("nbody").hr)
    lr, suffered = low_resolution_told(density, make_degradation(made, 4), np.random.default_rng(0))
    values = estimate_conditions((BLUR, NOISE, SHOT), lr, Intensity(kind="log", low=-1.7, high=2.6).fit(lr))
    assert values["blur"] == pytest.approx(suffered.blur, abs=0.1)
    assert (values["noise"], values["shot"]) == (NOISE.low, 0.0)


def test_an_estimate_stays_within_what_the_model_was_trained_on(image):
    """It knows no other; a number that is given is taken as it is."""
    model = model_that_listens()
    limited = replace(model, card=replace(model.card, lr_images={"blur": (0.3, 0.4), "noise": (0.0, 0.0)}))
    *_, done = iter_upscale(image, limited, precision="fp32")
    assert isinstance(done, Finished)
    assert 0.3 <= done.report.conditions["blur"] <= 0.4
    assert done.report.conditions["noise"] == NOISE.low
    *_, done = iter_upscale(image, limited, conditions={"blur": 0.9}, precision="fp32")
    assert isinstance(done, Finished)
    assert done.report.conditions["blur"] == 0.9
