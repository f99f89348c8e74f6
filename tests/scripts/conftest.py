"""How the tests of scripts get them."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script_of(monkeypatch):
    """A function that imports a script by its name."""
    if not SCRIPTS.is_dir():
        pytest.skip("the scripts are not in the sdist")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module
