"""Whether something is there, of paths that may be anything: a text that was pasted has no end."""

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
