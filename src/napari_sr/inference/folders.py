"""A folder of images to a folder of results."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sr.data.folders import image_files
from napari_sr.errors import Cancelled, ImageError, SRError
from napari_sr.inference.events import Finished
from napari_sr.inference.files import iter_upscale_file, output_path
from napari_sr.model import Model


@dataclass(frozen=True)
class FolderProgress:
    """What is being worked on: the number of the file from 0, of how many, and the share of all that is done."""

    number: int
    total: int
    name: str
    fraction: float


@dataclass(frozen=True)
class FileDone:
    """One result: written now, there from before, or failed with ``error``."""

    source: Path
    target: Path
    error: str = ""
    before: bool = False


def iter_upscale_folder(
    folder: Path, output: Path, model: Model, **settings: Any
) -> Generator[FolderProgress | FileDone, None, None]:
    """Super-resolve every image in ``folder`` into ``output``.

    Results that are there already are left as they are, so that a run which was cancelled can be taken up again; a
    file that cannot be worked on does not hold up the others.

    Parameters
    ----------
    folder, output
        Where images are, and where results go: ``NAME_MODEL.tif`` (or .npy, .zarr, as the image is).
    model
        For all of them.
    **settings
        As of :func:`napari_sr.iter_upscale`.

    Raises
    ------
    ImageError
        If there are no images.
    """
    ending = f"_{model.card.name}"
    files = [f for f in image_files(folder) if not f.stem.endswith(ending)]
    if not files:
        raise ImageError(f"There are only results of {model.card.name} in {folder}, no images to work on.")
    taken: dict[Path, Path] = {}
    for number, file in enumerate(files):
        target = output_path(file, output, model.card.name, many=True)
        if target in taken:
            yield FileDone(file, target, error=f"its result would replace that of {taken[target].name}")
            continue
        taken[target] = file
        if target.exists():
            yield FileDone(file, target, before=True)
            continue
        yield FolderProgress(number, len(files), file.name, number / len(files))
        try:
            for event in iter_upscale_file(file, target, model, **settings):
                if isinstance(event, Finished):
                    continue
                yield FolderProgress(number, len(files), file.name, (number + event.fraction) / len(files))
        except Cancelled:
            raise
        except SRError as error:
            yield FileDone(file, target, error=str(error))
        else:
            yield FileDone(file, target)
