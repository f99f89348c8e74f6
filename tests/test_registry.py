import pytest

from napari_sr.errors import ConfigError
from napari_sr.registry import Registry


def test_lookup_lists_known_names():
    registry: Registry[int] = Registry(kind="thing")
    registry.register("b", title="B")(2)
    registry.register("a", title="A")(1)
    assert registry["a"] == 1
    assert list(registry) == ["a", "b"]
    assert "c" not in registry
    with pytest.raises(ConfigError, match=r"no thing called 'c'. Known: a, b"):
        registry["c"]


def test_a_name_is_registered_once():
    registry: Registry[int] = Registry(kind="thing")
    registry.register("a", title="A")(1)
    with pytest.raises(ConfigError, match="twice"):
        registry.register("a", title="A")(2)
