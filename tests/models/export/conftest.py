"""bioimageio.core as it should be, and no network."""

import inspect
import re
import socket
from typing import Any

import pytest


@pytest.fixture
def offline(monkeypatch):
    """Whoever asks for another computer fails the test."""

    def refuse(self, address):
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def bioimageio(offline, tmp_path, monkeypatch):
    """bioimageio.core, with what bioimageio.spec 0.5.12 gets wrong with pydantic 2.14 mended as in its 0.5.14.

    The core asks for exactly 0.5.12.
    """
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "bioimageio"))
    core = pytest.importorskip("bioimageio.core")
    from bioimageio.spec._internal.io_packaging import package_file_descr_serializer
    from bioimageio.spec.model.v0_4 import package_weights

    for wrong in (package_file_descr_serializer, package_weights):
        made: dict[str, Any] = {}
        source = re.sub(r"\n\s+info,  # pyright: ignore.*", "", inspect.getsource(wrong))
        exec(source, wrong.__globals__, made)
        monkeypatch.setattr(wrong, "__code__", made[wrong.__name__].__code__)
    return core
