"""Networks that a bioimage.io package defines by Python code: in a file of its own, or in an installed library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.models.formats.package import Package
from napari_sr.networks.foreign_python import packed


@dataclass(frozen=True)
class Architecture:
    """How a description says what builds the network.

    Attributes
    ----------
    name
        Of a class or function.
    settings
        Its keyword arguments.
    source, sha256
        A source file in the package, and its hash; None if it is in a library.
    library
        An installed module.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: Any = None
    sha256: str | None = None
    library: str = ""

    def where(self) -> str:
        """Return where the code is, for messages."""
        return str(self.source) if self.source is not None else f"the library {self.library}"


def architecture(entry: Mapping[str, Any]) -> Architecture:
    """Return what builds the network of an entry of weights (formats 0.4 and 0.5).

    Raises
    ------
    ModelError
        If what it says cannot be understood.
    """
    said = entry["architecture"]
    if isinstance(said, str):  # 0.4: "file.py:Name", or "module.Name"
        settings, file, name = entry.get("kwargs") or {}, *said.rpartition(":")[::2]
        if file:
            return Architecture(name, settings, source=file, sha256=entry.get("architecture_sha256"))
        library, _, name = said.rpartition(".")
        found = Architecture(name, settings, library=library)
    elif isinstance(said, Mapping):
        source, library = said.get("source"), str(said.get("import_from") or "")
        found = Architecture(
            str(said.get("callable") or ""),
            said.get("kwargs") or {},
            source=source,
            sha256=said.get("sha256"),
            library=library,
        )
    else:
        raise ModelError(f"its architecture cannot be understood ({said!r})")
    if not found.name or not isinstance(found.settings, Mapping) or (found.source is None and not found.library):
        raise ModelError(f"its architecture does not say what is to be called where ({said!r})")
    return found


def contents(package: Package, found: Architecture, state: Mapping[str, Tensor]) -> bytes:
    """Return the network with its weights, and its code if that is in the package, as one file.

    Raises
    ------
    ModelError
        If the code is not in the package, or its settings are no plain values.
    """
    code = None if found.source is None else package.read(found.source, found.sha256)
    try:
        return packed(found.name, found.settings, state, code=code, library=found.library)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"its settings cannot be kept ({error})") from None
