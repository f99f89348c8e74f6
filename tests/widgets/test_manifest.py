"""napari.yaml and the code agree, and everything is where users look for it."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_sr
from napari_sr.images.samples import SAMPLES

pytestmark = pytest.mark.window

MANIFEST = PluginManifest.from_file(Path(napari_sr.__file__).parent / "napari.yaml")


def test_every_command_points_at_something():
    for command in MANIFEST.contributions.commands:
        module, name = command.python_name.split(":")
        target = getattr(__import__(module, fromlist=[name]), name)
        assert callable(target)
        if inspect.isclass(target):
            assert list(inspect.signature(target).parameters) == ["napari_viewer"]


def test_every_sample_is_in_the_menu_under_its_title():
    listed = {s.key: s.display_name for s in MANIFEST.contributions.sample_data}
    assert listed == {name: SAMPLES.entry(name).title for name in SAMPLES}


def test_widgets_are_in_the_layers_menu():
    menus = ("napari/layers/filter", "napari/layers/measure")
    in_menu = {item.command for menu in menus for item in MANIFEST.contributions.menus[menu]}
    others = {"napari-sr.train", "napari-sr.models"}  # they make no layer of a layer
    of_layers = {w.command for w in MANIFEST.contributions.widgets} - others
    assert in_menu == of_layers


def test_menu_and_command_palette(viewer):
    from napari._app_model import get_app_model

    titles = {command.title for _, command in get_app_model().commands}
    assert any("Super-resolve" in title for title in titles)
    menu = [
        item.command.title
        for item in get_app_model().menus.get_menu("napari/layers/filter")
        if hasattr(item, "command")
    ]
    assert any("Super-resolve" in title for title in menu)
    assert any("Simulate low resolution" in title for title in menu)


def test_opening_the_widget_does_not_wait_for_torch():
    # importing torch takes seconds, in which the window would stand still; it is done beside the window
    code = (
        "import sys, napari_sr.widgets.super_resolve.dock, napari_sr.widgets.simulate, "
        "napari_sr.widgets.layers.snapshot, "
        "napari_sr.widgets.compare.dock, napari_sr.widgets.compare.plots, napari_sr.widgets.train.dock, "
        "napari_sr.widgets.models.dock, "
        "napari_sr.images.axes\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
