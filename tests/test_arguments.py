"""What a constructor is called with: unknown, missing and wrong values are named, others pass."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from napari_sr.arguments import check_arguments
from napari_sr.errors import ConfigError
from napari_sr.intensity import Intensity
from napari_sr.losses import create_loss
from napari_sr.networks import CRITICS, NETWORKS, create_critic, create_network


class Thing:
    def __init__(
        self, *, count: int, rate: float = 0.5, name: str = "a", mode: Literal["on", "off"] = "on", other: Any = None
    ) -> None:
        """Any."""


def test_defaults_are_added_and_nothing_else_is_changed():
    given = {"count": np.int64(3), "rate": 1, "other": [1]}
    assert check_arguments("thing", Thing, given) == {**given, "name": "a", "mode": "on"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "thing cannot do without count."),
        ({"count": 1, "foo": 2, 3: 4}, "thing has no setting called foo, 3. It has: count, rate, name, mode, other."),
        ({"count": "many"}, "thing: count must be a whole number, not 'many'"),
        ({"count": 1.5}, "thing: count must be a whole number, not 1.5"),
        ({"count": True}, "thing: count must be a whole number, not True"),
        ({"count": 1, "rate": "x"}, "thing: rate must be a number, not 'x'"),
        ({"count": 1, "rate": float("nan")}, "thing: rate must be a number, not nan"),
        ({"count": 1, "name": None}, "thing: name must be text, not None"),
        ({"count": 1, "mode": ["on"]}, "thing: mode must be one of on, off, not ['on']"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(ConfigError) as caught:
        check_arguments("thing", Thing, given)
    assert str(caught.value) == said


def test_any_name_passes_where_any_is_taken():
    assert check_arguments("f", lambda a, **more: None, {"a": 1, "b": 2}) == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", [name for name in NETWORKS if not NETWORKS[name].foreign])
def test_every_network_names_a_setting_that_it_does_not_have(name):
    with pytest.raises(ConfigError, match=f"network '{name}' has no setting called foo. It has: scale"):
        create_network(name, scale=2, foo=1)


@pytest.mark.parametrize("name", list(CRITICS))
def test_every_critic_names_a_setting_that_it_does_not_have(name):
    with pytest.raises(ConfigError, match=f"critic '{name}' has no setting called foo"):
        create_critic(name, foo=1)


def test_networks_losses_and_intensities_name_values_of_another_kind():
    with pytest.raises(ConfigError, match="network 'rcan': num_features must be a whole number, not 'many'"):
        create_network("rcan", scale=2, num_features="many")
    with pytest.raises(ConfigError, match="loss 'ssim' has no setting called foo"):
        create_loss("ssim", foo=1)
    with pytest.raises(ConfigError, match="intensity: low must be a number, not 'a'"):
        Intensity.from_dict({"low": "a"})
    with pytest.raises(ConfigError, match="kind must be one of identity"):
        Intensity.from_dict({"kind": "nix"})


def test_a_network_that_no_computer_holds_says_so(monkeypatch):
    def init(self, **settings):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(NETWORKS["srcnn"], "__init__", init)
    with pytest.raises(ConfigError, match="more memory than this computer has"):
        create_network("srcnn", scale=2)
