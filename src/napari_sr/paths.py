"""Paths that may be anything: whether something is there, of a text that has no end, and why something is not."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Return True if there is a file or folder; False, too, for a path that is too long to be one."""
    try:
        return path.exists()
    except OSError:
        return False


def is_link(path: Path) -> bool:
    """Return True for a link, also one that leads nowhere; see :func:`exists`."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Return True for a file; see :func:`exists`."""
    return exists(path) and path.is_file()


def is_folder(path: Path) -> bool:
    """Return True for a folder; see :func:`exists`."""
    return exists(path) and path.is_dir()


def why_not_open(path: Path) -> str:
    """Return why a file cannot be opened for reading; empty if it can."""
    try:
        path.open("rb").close()
    except OSError as error:
        return reason(error)
    return ""


def why_not_listed(folder: Path) -> str:
    """Return why what is in a folder cannot be seen; empty if it can, or if there is no such folder."""
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return reason(error)
    return ""


def reason(error: BaseException) -> str:
    """Return why a file or folder could not be read or written, in words without the path, which the caller names."""
    if isinstance(error, FileExistsError | NotADirectoryError):  # the system: "File exists", "Not a directory"
        return "a file stands where a folder is needed"
    return getattr(error, "strerror", None) or str(error)
