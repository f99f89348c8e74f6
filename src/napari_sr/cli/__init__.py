"""Command line: ``napari-sr upscale | degrade | train | evaluate | maps | rank | models | samples | doctor | demo``."""

from __future__ import annotations

from napari_sr.cli.app import app, main

__all__ = ["app", "main"]
