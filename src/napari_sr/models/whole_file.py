"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(target: Path, *, suffix: str = ".part") -> Iterator[Path]:
    """Give a name to write to, which takes the place of ``target`` if all goes well, and goes if not.

    Also after Ctrl-C, no half-written file stays. The folder is made if it is missing. ``suffix`` is that of the name
    to write to: none that lists look for.

    Raises
    ------
    OSError
        If the folder cannot be written, or is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        os.chmod(part, 0o644)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
