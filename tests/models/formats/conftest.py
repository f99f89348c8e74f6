from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from published import forget


@pytest.fixture(scope="module")
def spandrel() -> Iterator[Any]:
    """spandrel, also where torchvision cannot be installed: it needs three of its names, for networks of other kinds.

    Neither stays behind: what is installed is what other tests see.
    """
    stand_in = importlib.util.find_spec("torchvision") is None
    if stand_in:
        functional: Any = types.ModuleType("torchvision.transforms.functional")
        functional.InterpolationMode, functional.rotate, functional.normalize = object, None, None
        for name in ("torchvision", "torchvision.transforms"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["torchvision.transforms.functional"] = functional
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import spandrel

            yield spandrel
    finally:
        if stand_in:
            forget("torchvision", "spandrel")
