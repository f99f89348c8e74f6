"""A training from the images to a model in the user's list: what the viewer and the shell share. No Qt in here."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import make_degradation
from napari_sr.errors import ModelError, TrainingError
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.listing import image_files
from napari_sr.images.pairs import matched_files
from napari_sr.images.stack import Stack
from napari_sr.intensity import Intensity
from napari_sr.models.model import ModelCard, read_card
from napari_sr.models.store import install, user_path
from napari_sr.networks import SRNetwork
from napari_sr.paths import reason
from napari_sr.training.callbacks import iter_callbacks
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.patches import Plane2D
from napari_sr.training.fit import fit
from napari_sr.training.lightning.checkpoints import checkpoint_step
from napari_sr.training.preview import Patches, PatchPreview, Place
from napari_sr.training.progress import TrainProgress
from napari_sr.training.request import TrainRequest, copied, make_config, with_kind
from napari_sr.training.runs.history import read_history
from napari_sr.training.runs.pixel_phase import pixel_name, pixel_path
from napari_sr.training.runs.verdict import Verdict

#: which models come into the user's list: none, those with no bad verdict, all
Installed = Literal["none", "good", "all"]


@dataclass(frozen=True)
class Started:
    """The run begins: what it is, and the image that pictures of its progress are taken from.

    ``plane`` is None if they are taken from the layer that is trained on. ``step`` is that of the checkpoint that a
    resumed run goes on from.
    """

    config: TrainConfig
    folder: Path
    history: tuple[TrainProgress, ...]
    plane: npt.NDArray[Any] | None
    step: int = 0


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
        The model is in the user's list.
    """

    name: str
    path: Path
    report: Path
    verdict: Verdict | None
    figures: str
    installed: bool


#: what a training yields
Event = TrainProgress | Patches | Started | Trained


@dataclass(frozen=True)
class Watching:
    """What looks at a run while it trains.

    Attributes
    ----------
    should_stop
        Asked after every batch; it pauses the run as long as it does not return.
    place
        Where pictures of the progress shall be taken; None while nobody looks.
    side
        Of them in LR pixels.
    """

    should_stop: Callable[[], bool]
    place: Callable[[], Place | None]
    side: int


def iter_training(request: TrainRequest, folder: Path, watching: Watching) -> Generator[Event, None, None]:
    """Copy the layers into the run's folder, train, and add the model to the user's list unless its verdict is bad.

    Raises
    ------
    TrainingError
        If there is a run in that folder already, or training fails.
    ConfigError
        If the settings cannot be; nothing was copied then.
    """
    request = with_kind(request)
    make_config(request, "hr", "lr" if request.lr else "")  # a wrong setting shall not cost the copying
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise TrainingError(
            f"There is a run called {request.name} already. Choose another name, or resume it if it was stopped."
        ) from None
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {reason(error)}.") from None
    try:
        yield TrainProgress(0, 0, 0.0, stage="Copying the images …")
        config = copied(request, folder, should_stop=watching.should_stop)
        yield from iter_run(config, folder, watching, resume=False, layers=isinstance(request.hr, Stack))
    finally:
        if not (folder / "last.ckpt").exists():  # nothing to resume, and the name is free again
            shutil.rmtree(folder, ignore_errors=True)


def iter_run(
    config: TrainConfig, folder: Path, watching: Watching, *, resume: bool, layers: bool
) -> Generator[Event, None, None]:
    """Train or go on training in ``folder``; see :func:`iter_training`. ``layers``: the images are in the viewer."""
    plane = _reader(config, layers=layers)
    preview = PatchPreview(
        plane=plane, degradation=make_degradation(config.degradation, config.scale) if config.degradation else None,
        intensity=Intensity.from_dict(config.intensity), scale=config.scale, side=watching.side,
    )  # fmt: skip
    step = checkpoint_step(folder / "last.ckpt") if resume else 0
    history = tuple(p for p in read_history(folder, steps=config.steps) if p.step <= step)
    yield Started(config, folder, history, None if layers else np.asarray(plane(0).hr), step)

    def run(on_event: Callable[[Event], None]) -> Path:
        def on_network(network: SRNetwork) -> None:
            place = watching.place()
            if place is not None:
                on_event(preview(network, place))

        return fit(
            config, folder, resume=resume, on_event=on_event, should_stop=watching.should_stop, on_network=on_network
        )  # fmt: skip

    path = yield from iter_callbacks(run)
    yield settle(path, installed="good")


def _reader(config: TrainConfig, *, layers: bool) -> Callable[[int], Plane2D]:
    """Return what reads a plane of a layer's copy, or, of a folder, the last one, which is kept for validation."""
    source = config.train[0]
    lr_files: tuple[Path, ...] = ()
    if source.lr:
        lr_files, hr_files = zip(*matched_files(Path(source.lr), Path(source.path)), strict=True)
    else:
        hr_files = tuple(image_files(Path(source.path)))

    def plane(number: int) -> Plane2D:
        which = number if layers else -1
        hr = open_planes(hr_files[-1])[which]
        return Plane2D(hr, lr=open_planes(lr_files[-1])[which] if lr_files else None)

    return plane


def check_installable(config: TrainConfig, *, overwrite: bool) -> None:
    """Raise :class:`ModelError` if the models of a training could not be added to the user's list after it."""
    phases = config.adversarial is not None and config.adversarial.pixel_steps > 0
    names = [config.name, *([pixel_name(config.name)] if phases else [])]
    taken = [name for name in names if user_path(name).exists()]
    for name in taken if not overwrite else ():  # said before the hours of training, not after them
        raise ModelError(
            f"You have a model called {name} already. Choose another name, or allow it to be replaced (--overwrite)."
        )


def settle(path: Path, *, installed: Installed, overwrite: bool = False) -> Trained:
    """Add a trained model to the user's list, if it shall come there, and say what came out.

    Raises
    ------
    ModelError
        If there is a model of that name, unless it may be replaced, or the list cannot be written.
    """
    card = read_card(path)
    verdict = Verdict.of(card.training)
    wanted = installed == "all" or (installed == "good" and (verdict is None or not verdict.bad))
    if wanted:
        install(path, overwrite=overwrite)
        if (pixel := pixel_path(path)).exists():
            install(pixel, overwrite=overwrite)
    return Trained(path.stem, path, path.with_name("report.html"), verdict, _figures(card, path.parent), wanted)


def _figures(card: ModelCard, folder: Path) -> str:
    """Say what the model that was kept is measured to have, and of which step it is."""
    if not card.metrics or not (folder / "config.yaml").exists():
        return ""
    config = TrainConfig.read(folder / "config.yaml")
    history: Sequence[TrainProgress] = read_history(folder, steps=config.steps)
    model, bicubic = card.metrics[0]["model"], card.metrics[0]["bicubic"]
    validated = [p for p in history if p.val_psnr is not None]
    best = max(validated, key=lambda p: _judged(p, config.monitor), default=None)
    named = best is not None and config.adversarial is None and best != validated[-1]
    step = f" (step {best.step}, the best)" if named and best is not None else ""
    text = f"The model{step} on images kept aside"
    return f"{text}: {in_words(model.get('psnr'), bicubic.get('psnr'), model.get('ssim'), bicubic.get('ssim'))}"


def _judged(progress: TrainProgress, monitor: str) -> float:
    """Return the figure that a validation is judged by; higher is better."""
    figure, sign = (progress.val_loss, -1) if monitor == "loss" else (progress.val_psnr, 1)
    return -math.inf if figure is None else sign * figure


def in_words(
    psnr: float | None, bicubic: float | None, ssim: float | None = None, bicubic_ssim: float | None = None
) -> str:
    """Return fidelity beside bicubic's, as far as it was measured."""
    parts = [] if psnr is None or bicubic is None else [f"{psnr:.2f} dB (bicubic {bicubic:.2f})"]
    if ssim is not None and bicubic_ssim is not None and math.isfinite(ssim):  # images smaller than its window
        parts.append(f"SSIM {ssim:.3f} ({bicubic_ssim:.3f})")
    return ", ".join(parts)
