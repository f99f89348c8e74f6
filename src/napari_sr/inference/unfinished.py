"""A result on its way: a hidden folder beside it, with what is done so far and a journal of it.

The folder's name follows from the result's, so that the same command finds it again. A block is written into the
journal once its file is whole. The result takes its name when all are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from napari_sr.errors import ImageError
from napari_sr.images.writers import LONGEST_NAME
from napari_sr.inference.block_engine import Counts
from napari_sr.paths import reason

#: where the library that computes stands among what a result depends on
LIBRARY = "library"
ABOUT, JOURNAL, LOCK, OLD = "about.json", "journal", "lock", "replaced"


class Unfinished:
    """A result of many blocks that was begun, now or before.

    Parameters
    ----------
    target
        What it is called once it is whole.
    about
        Everything that its values depend on, in words and numbers. What was begun with another one is not gone on with.
    blocks
        How many there are.

    Attributes
    ----------
    done
        Of each block, whether it is written.
    counts
        What was counted in those.
    notes
        What became of an earlier beginning.
    warnings
        What the user should mind.
    """

    def __init__(self, target: Path, about: Mapping[str, Any], blocks: int) -> None:
        self.target, self.folder = target, folder_of(target)
        self.about: dict[str, Any] = json.loads(json.dumps(about))  # as it is read back
        self.done: npt.NDArray[np.bool_] = np.zeros(blocks, bool)
        self.counts = Counts()
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._journal: TextIO | None = None
        self._new = self._published = False

    @property
    def store(self) -> Path:
        """Where the result is written: a worker that is late writes into no other run's."""
        told = json.dumps(self.about, sort_keys=True).encode()
        return self.folder / f"{hashlib.sha256(told).hexdigest()[:16]}.zarr"

    @property
    def resumed(self) -> bool:
        """True if there is something to go on with."""
        return (self.folder / JOURNAL).exists() and self.store.exists()

    def open(self) -> None:
        """Find out what is done, and throw away what does not belong to this run."""
        before = begun(self.target)
        if before:
            differ = sorted(k for k in {*before, *self.about} if before.get(k) != self.about.get(k))
            if not differ and self.resumed:
                self._read()
                count = int(self.done.sum())
                self.notes = [f"An earlier run was gone on with: {count} of {len(self.done)} blocks were there"]
                return
            if (self.folder / JOURNAL).exists():
                self.notes = [f"An unfinished result was thrown away, since this run differs in: {', '.join(differ)}"]
        for name in (JOURNAL, ABOUT):  # first what says that the rest is worth something
            (self.folder / name).unlink(missing_ok=True)
        for store in self.folder.glob("*.zarr"):
            shutil.rmtree(store, ignore_errors=True)

    def begin(self) -> None:
        """Note that the empty result was created, and what it is made from."""
        with (self.folder / ABOUT).open("w", encoding="utf-8") as file:
            json.dump(self.about, file, indent=1, ensure_ascii=False)
        (self.folder / JOURNAL).touch()
        self._new = True

    def add(self, number: int, counts: Counts) -> None:
        """Note that a block is written."""
        if self._journal is None:
            self._journal = (self.folder / JOURNAL).open("a", encoding="ascii")
        self._journal.write(json.dumps([number, *astuple(counts)]) + "\n")
        self._journal.flush()
        self.done[number] = True
        self.counts += counts

    def publish(self) -> None:
        """Give the result its name, and remove everything else."""
        if self.notes:  # of a run that was cut off, files may be left that were never finished
            for left in self.store.rglob("*.partial"):
                left.unlink()
        self.close()
        old = self.folder / OLD
        if self.target.exists():
            os.replace(self.target, old)
        os.replace(self.store, self.target)
        self._published = True

    @property
    def worthless(self) -> bool:
        """True if there is nothing in the folder that a later run could use."""
        return self._published or (self._new and not self.done.any()) or not (self.folder / ABOUT).exists()

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _read(self) -> None:
        """Read the journal; the last line may have been cut off while it was written."""
        path, size = self.folder / JOURNAL, len(fields(Counts)) + 1
        whole = 0
        with path.open("rb") as file:
            for at, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    number, *counted = json.loads(line)
                    known = isinstance(number, int) and 0 <= number < len(self.done) and len(counted) == size - 1
                except (ValueError, TypeError):
                    known = False
                if not known:
                    raise ImageError(
                        f"What an earlier run noted of {self.target.name} is damaged (line {at} of {path}). Delete the "
                        f"folder {self.folder} to begin again."
                    )
                if not self.done[number]:
                    self.done[number] = True
                    self.counts += Counts(*counted)
                whole += len(line)
        os.truncate(path, whole)


@contextmanager
def unfinished(target: Path, about: Mapping[str, Any], blocks: int, *, overwrite: bool = False) -> Iterator[Unfinished]:
    """Yield a result on its way; what is done stays there if the block ends with an error, for the next run.

    Raises
    ------
    ImageError
        If the result exists already, its folder cannot be written, another run is at work on it, or what an earlier one
        left is damaged.
    """
    if target.exists() and not overwrite:
        raise ImageError(f"{target} exists already; allow overwriting (--overwrite) or choose another name.")
    found = Unfinished(target, about, blocks)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        found.folder.mkdir(exist_ok=True)
        lock = FileLock(found.folder / LOCK, blocking=False)
        lock.acquire()
    except NotImplementedError:  # some file systems of clusters have no locks
        found.warnings.append("The file system has no locks: let no two runs write one result at a time")
    except Timeout:
        raise ImageError(f"{target} is being written by another run of napari-sr; wait for that, or stop it.") from None
    except OSError as error:
        raise ImageError(f"{target.parent} cannot be written: {reason(error)}.") from None
    try:
        found.open()
        yield found
    except OSError as error:
        raise ImageError(
            f"{target} could not be written: {reason(error)}. What is done is kept: once that is mended, run "
            "the same again."
        ) from error
    finally:
        found.close()
        lock.release()
        if found.worthless:
            shutil.rmtree(found.folder, ignore_errors=True)


def begun(target: Path) -> Mapping[str, Any]:
    """Return what an earlier run for a result was about; empty if there was none, or it had not begun."""
    try:
        with (folder_of(target) / ABOUT).open(encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_begun(target: Path) -> bool:
    """Return True if there is an unfinished result that a run could go on with."""
    return bool(begun(target))


def library_of(target: Path) -> str:
    """Return the library that an unfinished result was begun with; empty if there is none, or it cannot be read."""
    try:
        return str(begun(target).get(LIBRARY, ""))
    except OSError:  # whoever goes on with it is told
        return ""


def folder_of(target: Path) -> Path:
    """Return the hidden folder in which a result is written."""
    name = f".{target.name}.unfinished"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f".{hashlib.sha256(target.name.encode()).hexdigest()[:32]}.unfinished"
    return target.with_name(name)
