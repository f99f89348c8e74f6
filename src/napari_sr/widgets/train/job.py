"""A training as the dock widget asks for it: from layers or folders to a model in the user's list. No Qt in here."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled, ImageError, TrainingError
from napari_sr.images.stack import Stack

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard
    from napari_sr.networks import SRNetwork
    from napari_sr.training import TrainConfig
    from napari_sr.training.data.patches import Plane2D
    from napari_sr.training.preview import Pictures, Place
    from napari_sr.training.progress import TrainProgress
    from napari_sr.training.runs.verdict import Verdict


@dataclass(frozen=True)
class Request:
    """One training.

    Attributes
    ----------
    folder
        Of the run.
    recipe, name, start_from, scale, degradation
        As in :class:`napari_sr.training.TrainConfig`; ``degradation`` is empty if there are measured LR images.
    hr, lr
        Layers, or paths of files or folders; ``lr`` is None if LR images are made.
    changes
        Further settings.
    """

    folder: Path
    recipe: str
    name: str
    start_from: str
    scale: int
    degradation: str
    hr: Stack | str
    lr: Stack | str | None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """The run begins: what it is, and the image that pictures of its progress are taken from.

    ``plane`` is None if the pictures are taken from the layer that is trained on.
    """

    config: TrainConfig
    folder: Path
    history: tuple[Any, ...]
    plane: npt.NDArray[Any] | None


@dataclass(frozen=True)
class Trained:
    """The run is over.

    Attributes
    ----------
    name, path, report
        Of the model; its file in the folder of the run; the report beside it.
    verdict
        None if the model could not be measured.
    figures
        Of the model, beside bicubic's, in words; empty if it could not be measured.
    installed
        The model is in the user's list; with a bad verdict it is not.
    """

    name: str
    path: Path
    report: Path
    verdict: Verdict | None
    figures: str
    installed: bool


def make_config(request: Request, hr: str, lr: str) -> TrainConfig:
    """Return the configuration of a request whose images lie at ``hr`` and ``lr``."""
    from napari_sr.models.store import load_model
    from napari_sr.training import Source, recipe_config

    changes: dict[str, Any] = {"scale": request.scale, "degradation": request.degradation, **request.changes}
    if request.start_from:  # a model keeps its network, and above all its intensity transform
        card = load_model(request.start_from).card
        changes |= {
            "network": card.network, "hyper_parameters": {}, "intensity": dict(card.intensity),
            "start_from": request.start_from,
        }  # fmt: skip
    return recipe_config(request.recipe, name=request.name, train=(Source(hr, lr=lr),), **changes)


def iter_training(
    request: Request,
    *,
    should_stop: Callable[[], bool],
    place: Callable[[], Place],
    patch: int,
) -> Generator[Any, None, None]:
    """Copy the layers into the run's folder, train, and add the model to the user's list unless its verdict is bad.

    Parameters
    ----------
    request
        What to do.
    should_stop
        Asked after every batch; it pauses the run as long as it does not return.
    place
        Where pictures of the progress shall be taken.
    patch
        Their side in LR pixels.

    Yields
    ------
    TrainProgress, Pictures, Started, Trained
        As they come.
    """
    from napari_sr.training.progress import TrainProgress

    make_config(request, "hr", "lr" if request.lr else "")  # a wrong setting shall not cost the copying
    try:
        request.folder.mkdir(parents=True)
    except FileExistsError:
        raise TrainingError(
            f"There is a run called {request.name} already. Choose another name, or resume it if it was stopped."
        ) from None
    except OSError as error:
        raise TrainingError(f"{request.folder} cannot be written: {error.strerror}.") from None
    try:
        yield TrainProgress(0, 0, 0.0, stage="Copying the images …")
        hr, lr = (_path_of(i, request.folder, n, should_stop) for i, n in ((request.hr, "hr"), (request.lr, "lr")))
        config = make_config(_with_own_start(request), hr, lr)
        yield from iter_run(
            config, request.folder, resume=False, should_stop=should_stop, place=place, patch=patch,
            layers=isinstance(request.hr, Stack),
        )  # fmt: skip
    finally:
        if not (request.folder / "last.ckpt").exists():  # nothing to resume, and the name is free again
            shutil.rmtree(request.folder, ignore_errors=True)


def is_undecided(run: Any) -> bool:
    """Return True for a finished run whose bad model waits for an answer."""
    from napari_sr.training.runs.install import Undecided

    return isinstance(run, Undecided)


def iter_run(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool,
    should_stop: Callable[[], bool],
    place: Callable[[], Place],
    patch: int,
    layers: bool,
) -> Generator[Any, None, None]:
    """Train or go on training in ``folder``; see :func:`iter_training`. ``layers``: the images are in the viewer."""
    from napari_sr.degradations import make_degradation
    from napari_sr.images.lazy_plane import open_planes
    from napari_sr.images.listing import image_files
    from napari_sr.images.pairs import matched_files
    from napari_sr.intensity import Intensity
    from napari_sr.models.model import read_card
    from napari_sr.training import fit
    from napari_sr.training.data.patches import Plane2D
    from napari_sr.training.preview import PatchPreview
    from napari_sr.training.runs.history import read_history
    from napari_sr.training.runs.install import install
    from napari_sr.training.runs.verdict import Verdict
    from napari_sr.widgets.base.callbacks import iter_callbacks

    source = config.train[0]
    if source.lr:
        lr_files, hr_files = zip(*matched_files(Path(source.lr), Path(source.path)), strict=True)
    else:
        lr_files, hr_files = (), tuple(image_files(Path(source.path)))

    def plane(number: int) -> Plane2D:
        """Read a plane of a layer's copy, or, of a folder, the last one, which is kept for validation."""
        which = number if layers else -1
        hr = open_planes(hr_files[-1])[which]
        return Plane2D(hr, lr=open_planes(lr_files[-1])[which] if lr_files else None)

    preview = PatchPreview(
        plane=plane, degradation=make_degradation(config.degradation, config.scale) if config.degradation else None,
        intensity=Intensity.from_dict(config.intensity), scale=config.scale, side=patch,
    )  # fmt: skip
    history = tuple(read_history(folder, steps=config.steps)) if resume else ()
    yield Started(config, folder, history, None if layers else np.asarray(plane(0).hr))

    def run(on_event: Callable[[Any], None]) -> Path:
        def on_network(network: SRNetwork) -> None:
            pictures: Pictures = preview(network, place())
            on_event(pictures)

        return fit(
            config, folder, resume=resume, on_event=on_event, should_stop=should_stop, on_network=on_network
        )  # fmt: skip

    path = yield from iter_callbacks(run)
    card = read_card(path)
    verdict = Verdict.of(card.training)
    good_enough = verdict is None or not verdict.bad
    if good_enough:
        install(path)
    figures = _figures(card, read_history(folder, steps=config.steps), critic=config.adversarial is not None)
    yield Trained(config.name, path, folder / "report.html", verdict, figures, good_enough)


def _figures(card: ModelCard, history: Sequence[TrainProgress], *, critic: bool) -> str:
    """Say what the model that was kept is measured to have, and of which step it is."""
    if not card.metrics:
        return ""
    model, bicubic = card.metrics[0]["model"], card.metrics[0]["bicubic"]
    validated = [p for p in history if p.val_psnr is not None]
    best = max(validated, key=lambda p: p.val_psnr or 0.0, default=None)
    step = f" (step {best.step}, the best)" if best is not None and not critic and best != validated[-1] else ""
    text = f"The model{step} on images kept aside"
    return f"{text}: {in_words(model.get('psnr'), bicubic.get('psnr'), model.get('ssim'), bicubic.get('ssim'))}"


def in_words(
    psnr: float | None, bicubic: float | None, ssim: float | None = None, bicubic_ssim: float | None = None
) -> str:
    """Return fidelity beside bicubic's, as far as it was measured."""
    parts = [] if psnr is None or bicubic is None else [f"{psnr:.2f} dB (bicubic {bicubic:.2f})"]
    if ssim is not None and bicubic_ssim is not None and math.isfinite(ssim):  # images smaller than its window
        parts.append(f"SSIM {ssim:.3f} ({bicubic_ssim:.3f})")
    return ", ".join(parts)


def _with_own_start(request: Request) -> Request:
    """Copy the model to start from into the run's folder: a run can then be resumed also when that model is gone."""
    if not request.start_from:
        return request
    from napari_sr.models.model import save
    from napari_sr.models.store import load_model

    model = load_model(request.start_from)
    path = request.folder / "start" / f"{model.card.name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save(model, path)
    return replace(request, start_from=str(path))


def _path_of(images: Stack | str | None, folder: Path, name: str, should_stop: Callable[[], bool]) -> str:
    """Return where the images lie; those of a layer are copied plane by plane, so that the run can be repeated."""
    if images is None:
        return ""
    if isinstance(images, str):
        return images
    if "S" in images.axes:
        raise ImageError(f"{images.name} is a colour image; training needs single-channel images.")
    target = folder / "images" / f"{name}.npy"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        dtype = np.dtype(images.data.dtype).newbyteorder("=")
        shape = (len(images), *images.layout.plane_shape)
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with target.open("wb") as file:  # not through a memory map: on a full disk that would end the process
            np.lib.format.write_array_header_1_0(file, header)
            for number in range(shape[0]):
                if should_stop():
                    raise Cancelled("Stopped while the images were copied.")
                file.write(np.ascontiguousarray(images.plane(number), dtype=dtype).tobytes())
    except OSError as error:
        raise TrainingError(f"The images could not be copied to {target.parent} ({error.strerror}).") from None
    return str(target)
