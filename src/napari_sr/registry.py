"""A named collection that fills itself: register above the class, look up by name anywhere."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from napari_sr.errors import ConfigError

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered thing and what a person should know of it."""

    name: str
    title: str
    reference: str
    value: T


class Registry(Generic[T]):
    """Names mapped to things, discovered lazily.

    Parameters
    ----------
    kind
        What the entries are, in one word, for error messages.
    package
        Dotted name of the package whose modules register the entries. They are imported at the first
        look-up, not before, so that ``import napari_sr`` stays fast. None if the entries stand in the
        registry's own module.

    Other packages add entries by an entry point whose group is the package's name (``napari_sr.networks``,
    ``napari_sr.losses``, …): the module that it names is imported after our own, and registers there. One that cannot
    be imported is left out, and logged.
    """

    def __init__(self, *, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry[T]] = {}
        self._discovered = False

    def register(self, name: str, *, title: str, reference: str = "") -> Callable[[T], T]:
        """Return a decorator that registers its target under ``name``."""

        def add(value: T) -> T:
            if name in self._entries:
                raise ConfigError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = Entry(name, title, reference, value)
            return value

        return add

    def unregister(self, name: str) -> None:
        """Forget an entry; a name that is not there raises :class:`ConfigError`."""
        self.entry(name)
        del self._entries[name]

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        if self._package is None:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        for point in entry_points(group=self._package):
            try:
                point.load()
            except Exception:  # another package's fault must not take ours away; the log has its traceback
                logger.exception("The %s of %s could not be loaded.", self.kind, point.value)

    def entry(self, name: str) -> Entry[T]:
        """Return the entry called ``name``; raises :class:`ConfigError` with the known names."""
        self._discover()
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise ConfigError(f"There is no {self.kind} called {name!r}. Known: {known}.") from None

    def __getitem__(self, name: str) -> T:
        return self.entry(name).value

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._discover()
        return len(self._entries)
