import os
import subprocess
import sys

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
    registry.unregister("a")
    assert "a" not in registry
    with pytest.raises(ConfigError, match="no thing called 'a'"):
        registry.unregister("a")


def test_other_packages_add_entries_and_a_broken_one_is_left_out(tmp_path):
    """In a process of its own: what is registered stays."""
    (tmp_path / "plugin_of_others.py").write_text(
        "from napari_sr.networks import NETWORKS\n"
        "from napari_sr.networks.interpolation import Bicubic\n"
        "@NETWORKS.register('theirs', title='Theirs')\n"
        "class Theirs(Bicubic):\n    pass\n"
    )
    info = tmp_path / "plugin_of_others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-of-others\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[napari_sr.networks]\ntheirs = plugin_of_others\nbroken = no_such_module_anywhere\n"
    )
    code = "from napari_sr.networks import NETWORKS\nprint(NETWORKS.entry('theirs').title, 'wgan' in NETWORKS)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "Theirs True"
    assert "no_such_module_anywhere could not be loaded" in done.stderr


def test_the_group_of_entry_points_is_the_package_whatever_the_plural_of_its_kind(monkeypatch):
    asked = []
    monkeypatch.setattr("napari_sr.registry.entry_points", lambda group: asked.append(group) or [])
    kinds = [("loss", "napari_sr.losses"), ("metric", "napari_sr.metrics"), ("network", "napari_sr.networks")]
    for kind, package in kinds:
        assert len(Registry(kind=kind, package=package)) == 0  # ours are registered in others
    assert asked == [package for _, package in kinds]
