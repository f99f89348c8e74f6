"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_sr.errors import ModelError
from napari_sr.models.whole_file import beside
from napari_sr.paths import reason


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; it takes its place when the block ends well, and goes if not.

    Raises
    ------
    ModelError
        If the folder cannot be written or is full.
    """
    try:
        with beside(path, suffix=f".part{path.suffix}") as part:  # some writers go by it
            yield part
    except OSError as error:
        raise ModelError(f"{path} could not be written: {reason(error)}.") from error
