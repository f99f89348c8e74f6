"""Tells every open widget that the list of models has changed."""

from __future__ import annotations

from functools import cache

from qtpy.QtCore import QObject, Signal


class Catalogue(QObject):
    """Emits ``changed`` with the name of a new model."""

    changed = Signal(str)


@cache
def catalogue() -> Catalogue:
    """Return the one object that all widgets of a process listen to."""
    return Catalogue()
