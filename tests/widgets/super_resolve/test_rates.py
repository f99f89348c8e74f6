"""What is expected of a run before there was one: of the whole image, and of what is in view."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QObject
from scipy.ndimage import gaussian_filter
from small_models import make_model

from napari_sr.inference import Upscaler, fixed_channels
from napari_sr.widgets.super_resolve.rate_watch import RateWatch

SETTINGS = {"device": "cpu", "precision": "fp32", "tile": "auto", "overlap": None}


def request(network, shape, rng, axes="YX", halo=None, **settings):
    image = (128 + 200 * gaussian_filter(rng.normal(size=shape), 1.5)).astype(np.float32)
    model = make_model(network, 2, head="linear") if network in ("rcan", "dfcan") else make_model(network, 2)
    if halo:
        model = replace(model, card=replace(model.card, halo=halo))
    return SimpleNamespace(
        source=SimpleNamespace(data=image), axes=axes, settings=SETTINGS | settings, load=lambda: model
    )  # fmt: skip


@pytest.fixture
def ran_with(monkeypatch):
    """What upscalers ran on parts of an image: True for channels that are fixed."""
    found, window = [], Upscaler.window
    monkeypatch.setattr(fixed_channels, "_HALOS", {})  # other tests may have measured the same networks

    def seen(self, *args, **settings):
        found.append(self.channels is not None)
        return window(self, *args, **settings)

    monkeypatch.setattr(Upscaler, "window", seen)
    return found


@pytest.mark.parametrize(
    ("network", "shape", "axes", "settings", "fixed"),
    [
        ("rcan", (700, 720), "YX", {}, True),
        ("dfcan", (700, 720), "YX", {}, True),
        ("dfcan", (700, 720, 3), "YXS", {}, True),
        ("dfcan", (2, 700, 720), "TYX", {}, True),
        ("dfcan", (700, 720), "YX", {"halo": None}, False),  # how far its tiles see has to be measured first
        ("rcan", (120, 130), "YX", {}, False),  # one tile
        ("rcan", (700, 720), "YX", {"tile": 64}, False),  # weighed one by one
        ("rcan", (700, 720), "YX", {"overlap": 8}, False),
        ("wgan", (700, 720), "YX", {}, False),  # nothing to fix
    ],
)
def test_a_whole_image_is_timed_as_it_will_be_run(qtbot, rng, ran_with, network, shape, axes, settings, fixed):
    owner, told = QObject(), []
    rates = RateWatch(owner, lambda: told.append(True))
    asked = request(network, shape, rng, axes, **{"halo": {"fp32": 8, "low": 8}, **settings})
    rates.ask("a", asked)
    qtbot.waitUntil(lambda: bool(told), timeout=60_000)
    assert (True in ran_with) is fixed
    assert ran_with[0] is False  # what is in view is run as it is
    whole, view = (rates.rate("a", asked.settings, view=v) for v in (False, True))
    assert whole > 0
    assert view > 0
    assert (whole != view) is fixed
    before = len(ran_with)
    rates.ask("a", asked)  # known
    assert len(ran_with) == before


def test_what_was_seen_is_kept_apart_and_stands_in_where_nothing_else_is_known(qtbot):
    rates = RateWatch(QObject(), lambda: None)
    assert rates.rate("a", SETTINGS) is None
    rates.saw("a", SETTINGS, 3.0, 2.0, view=True)
    assert rates.rate("a", SETTINGS) == rates.rate("a", SETTINGS, view=True) == 1.5
    rates.saw("a", SETTINGS, 8.0, 2.0)
    assert (rates.rate("a", SETTINGS), rates.rate("a", SETTINGS, view=True)) == (4.0, 1.5)
    rates.saw("a", SETTINGS, 6.0, 2.0, view=True)
    assert (rates.rate("a", SETTINGS), rates.rate("a", SETTINGS, view=True)) == (4.0, 3.0)
    assert rates.rate("a", SETTINGS | {"precision": "bf16"}) is None
    assert rates.rate("b", SETTINGS) is None
