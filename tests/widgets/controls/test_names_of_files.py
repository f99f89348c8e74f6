"""What a model is called that comes from a file."""

from pathlib import Path

import pytest

from napari_sr.models.manage import NAMES
from napari_sr.widgets.controls.adding import FILES, SUFFIXES, free_name, plain_name


def test_a_name_that_is_taken_gets_a_number():
    assert free_name("liver", ("liver", "liver-3")) == "liver-2"
    assert free_name("liver", ("liver", "liver-2")) == "liver-3"
    assert free_name("new", ("liver",)) == "new"


@pytest.mark.parametrize(
    ("file", "name"), [("My model (1).pth", "My-model-1"), ("ä.pt", "model"), ("a_b.v2.safetensors", "a_b.v2")]
)
def test_files_get_names_that_can_be_typed(file, name):
    assert plain_name(Path(file)) == name
    assert NAMES.fullmatch(name)


def test_what_can_be_dropped_can_be_chosen():
    assert all(f"*{suffix}" in FILES for suffix in SUFFIXES)
