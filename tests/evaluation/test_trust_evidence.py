"""What an image says of the picture that was made of it: by its own blur, and by the picture's fine detail."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom
from small_models import make_model

from napari_sr import load_model, load_sample, upscale
from napari_sr.degradations import degrade, make_degradation
from napari_sr.errors import ConfigError
from napari_sr.estimation import estimate
from napari_sr.evaluation.evidence import CLEARLY, LITTLE, MOST, SOME, Consistent, Evidence
from napari_sr.evaluation.examine import corners, fine_detail, iter_evidence, sharp_spectrum_of
from napari_sr.evaluation.own_degradation import Estimates, own_degradation
from napari_sr.evaluation.trust import iter_uncertainty, plane_consistency, turned, turned_back
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, Progress, Upscaler, iter_upscale
from napari_sr.metrics.beyond import power_beyond

CPU = {"device": "cpu", "precision": "fp32"}
TRAINED = "gaussian(sigma=3) + bilinear"


@pytest.fixture(scope="module")
def hr():
    return np.asarray(load_sample("em-phantom").hr)[:240, :256]


def last(events):
    *before, result = events
    assert all(isinstance(event, Progress) for event in before)
    assert isinstance(result, Evidence)
    return result


def ask(sr, lr, **settings):
    return last(iter_evidence(sr, lr, axes="YX", scale=4, **settings))


def as_seen(sr, lr, state, **settings):
    return fine_detail(sr, lr, state, scale=4, **settings)


# -- the degradation that an image has ------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("blur", [0.3, 0.5, 0.79, 1.25])
def test_it_blurs_as_much_as_the_image_is_blurred(blur, scale):
    """Second moment of the image of a point, over all places of the point within a pixel."""
    chain = make_degradation(own_degradation(blur, scale), scale)
    side, middle = 24 * scale, 12 * scale
    variances = []
    for offset in range(scale):
        point = np.zeros((side, side), np.float32)
        point[middle + offset, middle] = 1
        profile = chain(point, np.random.default_rng(0)).sum(axis=1, dtype=np.float64)
        rows = (np.arange(24) + 0.5) * scale - 0.5
        variances.append((profile * (rows - middle - offset) ** 2).sum() / profile.sum() / scale**2)
    # what an LR pixel averages counts once for the blur, the place within it is what is averaged over here
    least = math.sqrt((scale**2 - 1) / 12) / scale
    # of a Gaussian narrower than its pixels, the samples are narrower still
    narrow = (blur * scale) ** 2 - (scale * least) ** 2 < 0.6**2
    assert math.sqrt(np.mean(variances)) == pytest.approx(max(blur, least), rel=0.14 if narrow else 0.02)
    assert chain.suffered().blur == pytest.approx(max(blur, least), rel=1e-5)


def test_every_channel_has_its_own_and_planes_share_it(rng, hr):
    sharp, soft = degrade(hr, "area", 4), degrade(hr, "gaussian(sigma=4) + area", 4)
    stack = np.stack([np.stack([sharp, soft])] * 3)  # ZCYX
    states = Estimates(stack, Layout("ZCYX", stack.shape))
    assert states((0, 0)).blur.sigma < states((0, 1)).blur.sigma - 0.3
    assert states((0, 1)) is states((2, 1))
    assert states((1, 0)).blur == estimate(sharp).blur
    given = Estimates(stack, Layout("ZCYX", stack.shape), blur=0.61)((0, 0))
    assert (given.blur.sigma, given.noise) == (0.61, states((0, 0)).noise)
    assert Estimates(sharp[:15], Layout("YX", (15, 64)))(()) is None


# -- consistency ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["area", "gaussian(sigma=1.5) + area", "gaussian(sigma=4) + area"])
def test_the_truth_is_consistent_by_the_images_own_blur_and_not_by_another(cell, hr):
    lr = degrade(hr, cell, 4)
    found = ask(hr, lr, card="em")
    assert found.own.rse < 0.5 * found.by_card.rse
    assert found.unexplained < LITTLE
    assert "estimated from the image" in found.how
    expected = plane_consistency(hr, lr, scale=4, degradation=own_degradation(estimate(lr).blur.sigma, 4))
    np.testing.assert_allclose(found.own.residual, expected.residual, atol=1e-4)
    assert found.by_card.rse == pytest.approx(plane_consistency(hr, lr, scale=4, degradation="em").rse)


def test_what_is_known_of_the_image_is_used(hr):
    lr = degrade(hr, "gaussian(sigma=2) + area", 4)
    given = ask(hr, lr, card="em", degradation="gaussian(sigma=2) + area")
    assert given.own.rse < 0.5  # rounding
    assert given.by_card is None
    assert "as set (gaussian(sigma=2) + area)" in given.lines()[1].text
    blur = make_degradation("gaussian(sigma=2) + area", 4).suffered().blur
    set_blur = ask(hr, lr, card="em", blur=blur)
    assert set_blur.own.rse == pytest.approx(given.own.rse, rel=0.01)
    assert f"a blur of {blur:.2g} pixels (as set)" in set_blur.lines()[1].text


def test_where_nothing_can_be_estimated_the_cards_blur_is_used(hr):
    lr = degrade(hr[:48, :60], "em", 4)
    found = ask(hr[:48, :60], lr, card="em")
    assert found.own.rse == pytest.approx(plane_consistency(hr[:48, :60], lr, scale=4, degradation="em").rse)
    assert (found.detail, found.unexplained, found.by_card) == (None, None, None)
    assert [x.light for x in found.lines()] == ["", ""]
    assert "as the model's card says (em)" in found.lines()[1].text
    fitted = ask(hr[:48, :60], lr)
    assert fitted.own.sigma is not None


def test_stacks_colours_and_densities(hr, rng):
    lr, other = degrade(hr, "area", 4), degrade(hr[::-1].copy(), "area", 4)
    stack = last(iter_evidence(np.stack([hr, hr]), np.stack([lr, other]), axes="ZYX", scale=4, card="em"))
    assert np.abs(stack.own.residual[0]).std() < 0.3 * np.abs(stack.own.residual[1]).std()
    colour = np.stack([lr] * 3, axis=-1)
    both = last(iter_evidence(np.stack([hr] * 3, axis=-1), colour, axes="YXS", scale=4))
    single = ask(hr, lr)
    np.testing.assert_allclose(both.own.residual[..., 1], single.own.residual, atol=1e-5)
    assert both.detail == pytest.approx(single.detail)
    density = np.exp(4 * gaussian_filter(rng.normal(size=(256, 256)), 3) * 6)
    density = (density / density.mean()).astype(np.float32)
    lr = degrade(density, "nbody", 4)
    found = ask(density, lr, card="nbody", density=True)
    assert found.by_card.rse < 1e-5  # on its logarithm, as the card says
    above, below = (np.log10(x + 0.02) for x in (density, lr))
    own = own_degradation(estimate(below, density=True).blur.sigma, 4)
    assert found.own.rse == pytest.approx(plane_consistency(above, below, scale=4, degradation=own).rse, rel=1e-4)
    assert found.detail == pytest.approx(as_seen(above, below, estimate(below, density=True)).ratio, rel=1e-4)
    mean = lr.mean(dtype=np.float64)
    units = (1 / mean, 8.6e-27 / mean)  # the mean density itself, and kilograms per cubic metre
    usual, other = (ask(density * unit, lr * unit, card="area", density=True) for unit in units)
    assert other.own.rse == pytest.approx(usual.own.rse, rel=1e-3)
    assert other.by_card.rse == pytest.approx(usual.by_card.rse, rel=1e-3)
    assert other.detail == pytest.approx(usual.detail, rel=1e-3)


# -- fine detail ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["em-wiener-x4", "em-wgan-pixel-x4"])
def test_a_model_far_from_what_it_knows_is_seen_and_at_home_it_is_not(model, hr):
    loaded = load_model(model)
    for cell, ruined in ((TRAINED, False), ("area", True), ("area + shot(photons=50)", True)):
        lr = degrade(hr, cell, 4)
        sr = upscale(lr, loaded, dtype=np.float32, **CPU)
        found = ask(sr, lr, card="em")
        light = found.lines()[0].light
        assert (found.detail > SOME) == ruined, (cell, found.detail)
        assert light == ("red" if found.detail > MOST else "yellow" if ruined else "green")
        bicubic = ask(upscale(lr, load_model("bicubic-x4"), dtype=np.float32, **CPU), lr)
        assert bicubic.lines()[0].light == "green"
        assert bicubic.detail < found.detail


def test_enough_detail_is_no_proof(hr):
    """A picture of another place has the right power: the line says what it does not show, consistency sees it."""
    lr = degrade(hr, "gaussian(sigma=2) + area", 4)
    wrong = hr[::-1, ::-1].copy()
    found = ask(wrong, lr)
    assert found.lines()[0].light == "green"
    assert "cannot show" in found.lines()[0].text
    assert found.lines()[1].light == "red"


@pytest.mark.parametrize(("own", "card", "told"), [(0.9, 0.99, True), (0.99, 0.991, False), (0.99, 0.9, False)])
def test_the_blur_on_the_card_is_told_where_it_praises(own, card, told):
    one, other = (Consistent(np.zeros((2, 2), np.float32), 1.0, rsp, None) for rsp in (own, card))
    lines = Evidence(one, "", other, 0.1, 1.0, of_kind=False).lines()
    assert (len(lines) == 3) == told
    if told:
        assert lines[2].light == ""
        assert "RSP 0.9900. It only shows that the model undid the blur that it knows" in lines[2].text


def test_images_of_this_kind_are_told_from_the_image_itself(hr):
    lr = degrade(hr, "area", 4)
    sharp = sharp_spectrum_of({"hr_spectrum": list(np.linspace(5, -5, 24))})
    found = ask(hr, lr, sharp=sharp)
    assert "images of this kind have" in found.lines()[0].text
    assert "this image lets expect" in ask(hr, lr).lines()[0].text
    assert sharp_spectrum_of({}) is None
    alone = power_beyond(hr[:240], lr, scale=4, noise=float(estimate(lr).noise.variance(lr).mean()),
                         blur=estimate(lr).blur.sigma, sharp=sharp)  # fmt: skip
    assert found.detail == pytest.approx(alone.ratio)


@pytest.mark.parametrize("shape", [(128, 128), (129, 300), (700, 90), (2000, 1500)])
def test_tiles_lie_within_the_image_and_reach_its_ends(shape):
    side = min(128, shape[0]), min(128, shape[1])
    found = np.array(corners(shape, side))
    assert len(found) <= 16
    assert (found >= 0).all()
    assert (found + side <= shape).all()
    assert tuple(found.max(axis=0) + side) == shape
    assert tuple(found.min(axis=0)) == (0, 0)


def test_large_images_are_judged_by_tiles(hr):
    """Tiles of an image twice as large each way, mirrored so that nothing jumps, say what one of it says."""
    lr = degrade(hr, "area", 4)
    sr = zoom(lr, 4, order=3, grid_mode=True, mode="reflect") + 0.0
    state = estimate(lr)
    mirrored = [np.pad(x, [(0, n) for n in x.shape], mode="symmetric") for x in (sr, lr)]
    many = np.tile(mirrored[0], (2, 2)), np.tile(mirrored[1], (2, 2))
    assert as_seen(*many, state).decibels == pytest.approx(as_seen(sr, lr, state).decibels, abs=1.5)


@pytest.mark.parametrize(
    ("share", "light"), [(0.0, "green"), (0.14, "green"), (0.2, "yellow"), (0.31, "red"), (2, "red")]
)
def test_lights_of_consistency(share, light):
    own = Consistent(np.zeros((2, 2), np.float32), 1.0, 0.9, None)
    found = Evidence(own, ", somehow", None, share, 1.0, of_kind=False).lines()[1]
    assert found.light == light
    assert "differs by 1 grey levels (RSE), RSP 0.9000, somehow." in found.text
    assert ("contradicts" in found.text) == (share > LITTLE)
    assert ("do not believe" in found.text) == (share > CLEARLY)


# -- the uncertainty of a part --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small", "em-wiener-x4"])
@pytest.mark.parametrize(("rows", "columns"), [((0, 24), (0, 30)), ((20, 44), (33, 50))])
def test_a_part_is_seen_with_the_intensities_of_the_whole(name, rows, columns, hr):
    """Each view against a window of a run on the whole image, turned."""
    lr = degrade(hr, "em", 4)[:52, :64].astype(np.float32)
    lr[:, :20] *= 0.2  # what is in view has another range than the whole
    model = make_model() if name == "small" else load_model(name)
    part = slice(*rows), slice(*columns)
    *_, found = iter_uncertainty(lr, [model], axes="YX", rows=part[0], columns=part[1], **CPU)
    mask = np.zeros(lr.shape, bool)
    mask[part] = True
    views = []
    for which in range(8):
        at = np.argwhere(turned(mask, "YX", which))
        (top, left), (bottom, right) = at.min(axis=0), at.max(axis=0) + 1
        view = np.ascontiguousarray(turned(lr, "YX", which))
        window = {"rows": slice(top, bottom), "columns": slice(left, right)}
        seen = Upscaler(model, **CPU).window(view, axes="YX", index=(), dtype=np.float32, **window)
        views.append(turned_back(seen.image, "YX", which))
    np.testing.assert_allclose(found.mean, np.mean(views, axis=0), atol=1e-3)
    np.testing.assert_allclose(found.deviation, np.std(views, axis=0), atol=1e-3)
    # and not those of the part alone
    *_, alone = iter_uncertainty(lr[part], [model], axes="YX", **CPU)
    if name == "small":
        assert np.abs(alone.mean - found.mean).max() > 0.5


def test_planes_of_a_part_have_intensities_of_their_own(hr):
    lr = degrade(hr, "em", 4)[:40, :40].astype(np.float32)
    stack = np.stack([lr, 0.1 * lr + 7])
    *before, found = iter_uncertainty(
        stack, [make_model()], axes="ZYX", rows=slice(4, 30), columns=slice(8, 40), **CPU
    )  # fmt: skip
    for number, plane in enumerate(stack):
        *_, single = iter_uncertainty(plane, [make_model()], axes="YX", rows=slice(4, 30), columns=slice(8, 40), **CPU)
        np.testing.assert_allclose(found.deviation[number], single.deviation, atol=1e-4)
    fractions = [event.fraction for event in before]
    assert fractions == sorted(fractions)
    assert 0.9 < fractions[-1] <= 1


def test_only_models_that_can_be_told_are_told_and_the_rest_is_the_whole_images(hr, monkeypatch):
    lr = degrade(hr, "em", 4)
    models = [make_model("adaptive"), load_model("bicubic-x4")]
    seen = []

    original = Upscaler.iter

    def record(self, image, **settings):
        seen.append((self.model.card.name, settings["conditions"]))
        return original(self, image, **settings)

    monkeypatch.setattr(Upscaler, "iter", record)
    part = {"rows": slice(0, 20), "columns": slice(10, 30)}
    *_, found = iter_uncertainty(lr, models, axes="YX", conditions={"blur": 0.9, "shot": 0.0}, **part, **CPU)
    assert found.members == 16
    told = [conditions for name, conditions in seen if "adaptive" in name]
    monkeypatch.setattr(Upscaler, "iter", original)
    (whole,) = (e.report.conditions for e in iter_upscale(lr, models[0], **CPU) if isinstance(e, Finished))
    assert told == [{"blur": 0.9, "noise": whole["noise"], "shot": 0.0}] * 8
    assert [conditions for name, conditions in seen if "bicubic" in name] == [{}] * 8
    with pytest.raises(ConfigError):
        list(iter_uncertainty(lr, models, axes="YX", conditions={"blur": "much"}, **CPU))
