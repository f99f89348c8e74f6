from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

OWN = ("spandrel", "torchvision")


def _foreign() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.split(".")[0] in OWN}


@pytest.fixture(scope="module")
def spandrel() -> Iterator[ModuleType]:
    """spandrel, the independent reference, imported without torchvision and forgotten afterwards.

    Two of its architectures, neither of which we have, import three names from torchvision; a stand-in without any
    code takes its place, so that nothing can depend on it by accident.
    """
    if importlib.util.find_spec("spandrel") is None:
        pytest.skip("spandrel is not installed")
    before = _foreign()
    for name in before:
        del sys.modules[name]
    functional = ModuleType("torchvision.transforms.functional")
    for wanted in ("InterpolationMode", "rotate", "normalize"):
        setattr(functional, wanted, None)
    for name in ("torchvision", "torchvision.transforms"):
        sys.modules[name] = ModuleType(name)
    sys.modules[functional.__name__] = functional
    try:
        yield importlib.import_module("spandrel")
    finally:
        for name in _foreign():
            del sys.modules[name]
        sys.modules.update(before)
