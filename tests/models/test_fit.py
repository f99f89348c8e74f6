"""Which model suits which image: linear theory against simulation, and against what models were measured to do."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sr import load_model
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.models.fit import (
    POWER,
    ROUNDED,
    VARIANCE,
    Seen,
    beats_bicubic,
    expected_gain,
    fit,
    invents,
    look,
    ranked,
    recommendable,
    trained_ranges,
)
from napari_sr.models.model import ModelCard
from napari_sr.models.store import list_models

SPECIALISTS = ("em-dfcan-x4", "em-wgan-pixel-x4", "em-rcan-x4", "em-wiener-x4")
#: blur (LR pixels) and noise (% of the range) of LR images of fly tissue: all of these models were measured to do harm
#: there, by 2 to 16 dB against bicubic interpolation, or to help, by 1 to 5 dB
HARM = {
    "larger pixels": (0.28, 0.2), "blur 1.5, larger pixels": (0.47, 0.2), "points": (0.12, 5.4),
    "blur 3, noise": (0.80, 5.8), "larger pixels, little noise": (0.28, 0.84), "larger pixels, noise": (0.28, 5.5),
    "larger pixels, much noise": (0.28, 13.6), "blur 2, points": (0.52, 0.21),
}  # fmt: skip
HELP = {
    "as trained": (0.76, 0.22), "blur 2.5": (0.68, 0.22), "blur 3.5": (0.92, 0.23), "blur 4.5": (1.16, 0.24),
    "blur 3, very little noise": (0.80, 0.90),
}  # fmt: skip


def card(name):
    return load_model(name).card


@pytest.mark.parametrize("name", SPECIALISTS)
@pytest.mark.parametrize("cell", HARM)
def test_a_specialist_that_ruined_an_image_is_red(name, cell):
    found = fit(card(name), Seen(*HARM[cell]))
    assert found.verdict == "red", found
    assert found.reasons
    assert found.advice


@pytest.mark.parametrize("name", SPECIALISTS)
@pytest.mark.parametrize("cell", HELP)
def test_a_specialist_that_helped_is_green(name, cell):
    assert fit(card(name), Seen(*HELP[cell])).verdict == "green"


def test_reasons_name_what_is_at_fault():
    sharp, noisy = (fit(card("em-dfcan-x4"), Seen(*seen)) for seen in ((0.3, 0.2), (0.76, 8.0)))
    assert "sharper" in sharp.reasons[0]
    assert "0.30 pixels" in sharp.reasons[0]
    assert len(sharp.reasons) == 1
    assert "noisier" in noisy.reasons[0]
    assert len(noisy.reasons) == 1


@pytest.mark.parametrize("blur", [0.0, 0.3, 0.6, 0.9, 1.2])
@pytest.mark.parametrize("noise", [0.2, 1.0, 5.0, 20.0])
def test_what_is_told_is_green_wherever_it_was_trained(blur, noise):
    told = ModelCard(name="told", network="adaptive", hyper_parameters={}, scale=4, degradation="microscope", kind="EM")
    found = fit(told, Seen(blur, noise, kind="EM"))
    assert (found.verdict, found.reasons) == ("green", ())
    assert found.gain > -0.05  # being told, it is never far below interpolation


@pytest.mark.parametrize(("blur", "noise"), [(0.3, 0.2), (0.8, 1.0), (0.5, 10.0)])
def test_the_filter_for_the_image_itself_is_best(blur, noise):
    own = expected_gain(blur, noise, blur, noise)
    for other_blur, other_noise in (
        (blur + 0.3, noise),
        (max(blur - 0.2, 0), noise),
        (blur, 8 * noise),
        (blur, noise / 8),
    ):
        if noise / 8 < ROUNDED and other_noise < noise:
            continue  # neither is less noisy than rounding
        assert expected_gain(blur, noise, other_blur, other_noise) < own


@pytest.mark.parametrize("blur", [0.3, 0.5, 0.8, 1.1])
@pytest.mark.parametrize("noise", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("trained", [(0.3, 0.2), (0.8, 0.2), (0.8, 8.0)])
def test_the_expected_gain_is_that_of_a_simulation(blur, noise, trained):
    """Fields of natural images, what sampling folds into them, and noise, restored in Fourier space."""
    side, rng = 256, np.random.default_rng(0)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    f = np.where(f == 0, 0.75, np.minimum(f, 0.75))  # the mean, and the corners, take no part
    inside = (f < 0.5).astype(float)

    def drawn(power):
        """A field with that power spectrum, in the units in which white noise has the power 1."""
        return np.fft.rfft2(rng.normal(size=(side, side))) * np.sqrt(power) * inside

    bins = (np.arange(1, 129) - 0.5) / 256
    level = VARIANCE / np.sum(bins**-POWER * 2 * np.pi * bins) * np.sum(2 * np.pi * bins)
    signal, folded = level * f**-POWER, level * (1 - f) ** -POWER

    def transfer(sigma, at):
        return np.exp(-2 * (np.pi * sigma * at) ** 2)

    field = drawn(signal)
    seen = (
        field * transfer(blur, f)
        + drawn(folded * transfer(blur, 1 - f) ** 2)
        + drawn(np.full_like(f, (noise / 100) ** 2))
    )
    known = transfer(trained[0], f)
    disturbance = (max(trained[1], ROUNDED) / 100) ** 2 + folded * transfer(trained[0], 1 - f) ** 2
    response = signal * known / (signal * known**2 + disturbance)
    x = np.linspace(-2, 2, 4001)
    r = np.abs(x)  # Keys' kernel with a = -0.75
    kernel = np.where(r <= 1, 1.25 * r**3 - 2.25 * r**2 + 1, -0.75 * r**3 + 3.75 * r**2 - 6 * r + 3)
    at = np.linspace(0, 0.75, 400)
    bicubic = np.interp(f, at, [np.trapezoid(kernel * np.cos(2 * np.pi * one * x), x) for one in at])
    lost = level * np.sum((1 - bins) ** -POWER * 2 * np.pi * (1 - bins)) / np.sum(2 * np.pi * bins)

    def error(by):
        weights = np.where(np.arange(side // 2 + 1) % (side // 2), 2, 1)[None]  # the other half of the spectrum
        return np.sum(weights * inside * np.abs(seen * by - field) ** 2) / np.sum(weights * inside) / side**2 + lost

    measured = 10 * np.log10(error(bicubic) / error(response))
    assert expected_gain(blur, noise, *trained) == pytest.approx(measured, abs=0.25)


@pytest.mark.parametrize(
    ("degradation", "blur", "noise"),
    [("em", 0.76, 0.0), ("area", 0.28, 0.0), ("fluorescence", 0.66, 7.3), ("gaussian(sigma=2) + area", 0.573, 0.0)],
)
def test_cards_without_ranges_take_them_from_their_degradation(degradation, blur, noise):
    ranges = trained_ranges(ModelCard(name="x", network="wgan", hyper_parameters={}, scale=4, degradation=degradation))
    assert ranges["blur"] == pytest.approx((blur, blur), abs=0.01)
    assert ranges["noise"] == pytest.approx((noise, noise), abs=0.1)


def test_what_is_not_known_of_a_model_is_said():
    for unknown in ("", "second-order", "of a later version"):
        found = fit(
            ModelCard(name="x", network="wgan", hyper_parameters={}, scale=4, degradation=unknown), Seen(0.5, 1.0)
        )
        assert found.verdict == "yellow"
        assert "not known" in found.reasons[0]


@pytest.mark.parametrize(("size", "verdict"), [(300.0, "green"), (39.0, "green"), (5.0, "yellow"), (2000.0, "yellow")])
def test_pixels_of_another_size_are_said(size, verdict):
    found = fit(card("em-dfcan-x4"), Seen(0.76, 0.2, kind="EM", pixel_nm=size))
    assert found.verdict == verdict
    assert any("nm" in reason for reason in found.reasons) == (verdict == "yellow")


def test_densities_and_pictures_are_apart():
    assert fit(card("nbody-rcan-x4"), Seen(0.28, 0.1, kind="EM")).verdict == "red"
    assert fit(card("em-dfcan-x4"), Seen(0.76, 0.1, kind="N-body")).verdict == "red"
    assert fit(card("nbody-rcan-x4"), Seen(0.28, 0.1, kind="N-body")).verdict == "green"


def test_interpolation_suits_everything_and_is_nothing_to_recommend():
    for blur in (0.0, 1.2):
        found = fit(card("bicubic-x4"), Seen(blur, 10.0, kind="EM"))
        assert found.verdict == "green"
        assert not recommendable(card("bicubic-x4"), found, "EM")


@pytest.mark.parametrize("kind", ["EM", "N-body"])
def test_models_that_do_harm_come_last_and_those_that_invent_are_not_recommended(kind):
    seen = Seen(0.76, 0.2, kind=kind) if kind == "EM" else Seen(0.28, 0.1, kind=kind)
    cards = list_models()
    fits = {c.name: fit(c, seen) for c in cards}
    order = ranked(cards, fits, kind=kind)
    verdicts = [fits[c.name].verdict for c in order]
    assert verdicts == sorted(verdicts, key=("green", "yellow", "red").index)
    assert order[0].kind == kind
    recommended = [c.name for c in order if recommendable(c, fits[c.name], kind)]
    assert recommended
    assert not any(invents(card(name)) for name in recommended)
    assert invents(card("em-wgan-x4"))
    assert not invents(card("em-wgan-pixel-x4"))


def test_a_model_that_was_never_measured_or_is_worse_than_bicubic_is_not_recommended():
    mine = replace(card("em-wgan-pixel-x4"), kind="own")
    seen = Seen(0.76, 0.2, kind="EM")
    assert beats_bicubic(mine)
    assert recommendable(mine, fit(mine, seen), "EM")
    for metrics in ((), ({"data": "", "model": {"psnr": 20.0}, "bicubic": {"psnr": 21.0}},)):
        worse = replace(mine, metrics=metrics)
        assert not recommendable(worse, fit(worse, seen), "EM")


@pytest.mark.parametrize(
    "text", ["area", "gaussian(sigma=3) + bilinear", "gaussian(sigma=4.5) + area", "area + shot(photons=50)"]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_images_are_judged_by_what_they_are(text, dtype):
    """From pixels to verdict, on a drawn phantom."""
    from napari_sr.images.samples import load_sample

    hr = load_sample("em-phantom").hr[:400, :400]
    lr, suffered = low_resolution_told(hr.astype(dtype), make_degradation(text, 4), np.random.default_rng(0))
    seen = look(lr.astype(dtype), kind="EM")
    assert seen.blur == pytest.approx(suffered.blur, abs=0.3)
    expected = "green" if "sigma" in text else "red"
    assert fit(card("em-dfcan-x4"), seen).verdict == expected
    assert fit(card("em-dfcan-x4"), lr.astype(dtype)).verdict == expected  # the image itself will do


@pytest.mark.parametrize("blank", [np.full((64, 64), 7, np.uint8), np.full((64, 64), np.nan, np.float32)])
def test_nothing_is_known_of_a_blank_image_and_nothing_recommended_for_it(blank):
    seen = look(blank, kind="EM")
    assert (seen.blank, seen.kind) == (True, "EM")
    found = fit(card("em-dfcan-x4"), seen)
    assert (found.verdict, found.gain) == ("yellow", None)
    assert "blank" in found.reasons[0]
    assert not any(recommendable(c, fit(c, seen), "EM") for c in list_models())
    assert fit(card("bicubic-x4"), seen).verdict == "green"
