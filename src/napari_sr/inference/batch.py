"""Many images to as many results: the one engine of the shell and of the window's folder run."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sr.errors import Cancelled, ImageError, SRError
from napari_sr.images.listing import image_files
from napari_sr.images.readers import chosen
from napari_sr.images.writers import name_problem
from napari_sr.inference.events import Finished, Report
from napari_sr.inference.files import iter_upscale_file, names_a_file, output_path
from napari_sr.inference.upscaler import Upscaler


@dataclass(frozen=True)
class FileTask:
    """An image, and where its result goes; with ``problem``, it cannot be done."""

    source: Path
    target: Path
    problem: str = ""


@dataclass(frozen=True)
class BatchProgress:
    """What is being worked on: the job's number from 0, of how many, and the shares of it and of all that are done.

    ``stage`` says what is being done, if it is not the super-resolution itself.
    """

    number: int
    total: int
    source: Path
    of_this: float
    rate: float = 0.0
    stage: str = ""

    @property
    def fraction(self) -> float:
        """Share of all that is done."""
        return (self.number + self.of_this) / self.total


@dataclass(frozen=True)
class FileDone:
    """One result: written now, there from before, or failed with ``error``."""

    source: Path
    target: Path
    error: str = ""
    before: bool = False
    report: Report | None = None

    @property
    def reason(self) -> str:
        """What went wrong, after the file's name."""
        name = chosen(self.source)[0].name
        return self.error.removeprefix(f"{name}: ").removeprefix(f"{name} ")


def tasks_of(inputs: Sequence[Path], output: Path | None, model: str, *, image: int | None = None) -> list[FileTask]:
    """Return what there is to do.

    Parameters
    ----------
    inputs
        Images and folders of images; earlier results of the model in a folder are no images to work on.
    output
        The result's file if there is one image, otherwise their folder; beside each image if None.
    model
        Name of the model, for the results' names.
    image
        Number of the image in each file, for files that hold several; the largest if None.

    Raises
    ------
    ImageError
        If there are no images, or several for one file.
    """
    if output is not None and (problem := name_problem(output)):
        raise ImageError(problem)
    ending = f"_{model}"
    files = [f for path in inputs for f in image_files(path) if f == path or not f.stem.endswith(ending)]
    if not files:
        raise ImageError(f"There are only results of {model} in {inputs[0]}, no images to work on.")
    many = len(files) > 1 or any(p.is_dir() and p not in files for p in inputs)  # an image in zarr is a folder too
    if many and output is not None and names_a_file(output):
        raise ImageError(f"Several images cannot be written to the one file {output}; give a folder.")
    if image is not None:
        files = [Path(f"{file}:{image}") for file in files]
    tasks: list[FileTask] = []
    taken: dict[Path, Path] = {}
    for file in dict.fromkeys(files):
        target = output_path(file, output, model, many)
        first = taken.setdefault(target, file)
        doubled = "" if first == file else f"its result would replace that of {first.name}"
        problem = doubled or name_problem(target)
        tasks.append(FileTask(file, target, problem))
    return tasks


def iter_upscale_jobs(
    tasks: Sequence[FileTask],
    upscaler: Upscaler,
    *,
    overwrite: bool = False,
    refuse: Callable[[Path], str] = lambda source: "",
    **settings: Any,
) -> Generator[BatchProgress | FileDone, None, None]:
    """Super-resolve one image after another; one that cannot be worked on does not hold up the others.

    Results that are there already are left as they are, so that a run which was cancelled, or failed in part, can be
    taken up again.

    Parameters
    ----------
    jobs, upscaler
        What to do, and with what.
    overwrite
        Replace results that are there.
    refuse
        Says why an image is not to be worked on; empty if it is.
    **settings
        As of :func:`~napari_sr.inference.files.iter_upscale_file`.
    """
    for number, task in enumerate(tasks):
        if task.problem:
            yield FileDone(task.source, task.target, error=task.problem)
            continue
        if task.target.exists() and not overwrite:
            yield FileDone(task.source, task.target, before=True)
            continue
        yield BatchProgress(number, len(tasks), task.source, 0.0)
        report = None
        try:
            if reason := refuse(task.source):
                yield FileDone(task.source, task.target, error=reason)
                continue
            for event in iter_upscale_file(task.source, task.target, upscaler, overwrite=overwrite, **settings):
                if isinstance(event, Finished):
                    report = event.report
                else:
                    yield BatchProgress(number, len(tasks), task.source, event.fraction, event.rate, event.stage)
        except Cancelled:
            raise
        except SRError as error:
            yield FileDone(task.source, task.target, error=str(error))
        else:
            yield FileDone(task.source, task.target, report=report)
