"""Command line: ``napari-sr upscale``, ``train``, ``evaluate``, ``export`` and more; one file a command."""

from __future__ import annotations

from napari_sr.cli.app import app, main

__all__ = ["app", "main"]
