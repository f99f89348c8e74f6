"""bioimageio.core, and no network."""

import socket

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
    """bioimageio.core, with a cache of its own."""
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "bioimageio"))
    return pytest.importorskip("bioimageio.core")
