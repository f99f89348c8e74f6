"""Files of a bioimage.io package, a folder or a zip file; nothing outside of it is read."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from napari_sr.errors import ModelError

DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml", "model.yaml")
#: larger ones are no model for images
LARGEST = 8 * 2**30


@dataclass(frozen=True)
class Package:
    """A package, and its description as it is written."""

    path: Path
    description: Mapping[str, Any]

    def read(self, source: Any, sha256: str | None = None) -> bytes:
        """Return a file of the package; raises :class:`ModelError` if it is not there, or not what was described."""
        text = str(source["source"]) if isinstance(source, Mapping) else str(source)
        if "://" in text:
            raise ModelError(f"Its file {text} is not in the package. Download the whole package, and open that.")
        contents = read_member(self.path, text)
        if sha256 and hashlib.sha256(contents).hexdigest() != sha256:
            raise ModelError(f"Its file {text} is not the one that was described (another SHA-256). Download it again.")
        return contents


def is_package(path: Path) -> bool:
    """Return True for a folder or zip file with a description."""
    return _description_in(path) is not None


def read_package(path: Path) -> Package:
    """Return a package; raises :class:`ModelError` if its description is none of a model."""
    name = _description_in(path)
    assert name is not None
    try:
        description = yaml.safe_load(read_member(path, name))
    except yaml.YAMLError as error:
        raise ModelError(f"Its description {name} cannot be read ({error}).") from None
    if not isinstance(description, Mapping) or description.get("type", "model") != "model":
        raise ModelError(f"Its description {name} is not that of a model.")
    return Package(path, description)


def _description_in(path: Path) -> str | None:
    if path.is_dir():
        return next((name for name in DESCRIPTIONS if (path / name).is_file()), None)
    return next((name for name in DESCRIPTIONS if name in names(path)), None)


def names(path: Path) -> list[str]:
    """Return the names in a zip file; none if it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []


def read_member(path: Path, name: str) -> bytes:
    """Return a file of a folder or zip file; raises :class:`ModelError` if it is not there, damaged or outside."""
    parts = PurePosixPath(name).parts
    # as Windows reads it, too, where a backslash and a drive are ways out
    if any(".." in read.parts or read.anchor for read in (PurePosixPath(name), PureWindowsPath(name))):
        raise ModelError(f"Its description names a file outside of the package ({name}); it is not opened.")
    try:
        if path.is_dir():
            return path.joinpath(*parts).read_bytes()
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(str(PurePosixPath(name))).file_size > LARGEST:
                raise ModelError(f"Its file {name} is larger than {LARGEST // 2**30} GiB.")
            return archive.read(str(PurePosixPath(name)))
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ModelError(f"Its file {name} is missing or damaged ({type(error).__name__}).") from None
