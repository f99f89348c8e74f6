"""What a run works on: images read, settings resolved, network and patches built. Three steps before the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from napari_sr.degradations import Chain, make_degradation
from napari_sr.errors import TrainingError
from napari_sr.intensity import Intensity
from napari_sr.losses.perceptual import OF_FEATURES, cached
from napari_sr.models.model import ModelCard
from napari_sr.networks import SRNetwork
from napari_sr.training.check_names import check_names
from napari_sr.training.config import TrainConfig
from napari_sr.training.critics import CriticStart, starting_critic
from napari_sr.training.data.patches import PatchDataset, Plane2D
from napari_sr.training.data.sources import load_sources, pair_problems, without_constant
from napari_sr.training.data.split import split_planes, without
from napari_sr.training.data.validation import WholeImages
from napari_sr.training.lightning.precision import possible_precision
from napari_sr.training.start import Start, start_filters, starting_network

if TYPE_CHECKING:
    from napari_sr.training.lightning.stopping import Stopping
    from napari_sr.training.lightning.telling import Telling


@dataclass(frozen=True)
class Task:
    """What a run works on.

    Attributes
    ----------
    network, start
        With its first weights; card of the model that they come from.
    critic
        First weights of the critic; None for new ones.
    patches, whole
        To train on, and to validate on.
    """

    network: SRNetwork
    start: ModelCard | None
    patches: PatchDataset
    whole: WholeImages
    critic: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Images:
    """Planes to train on, and others to validate on."""

    train: list[Plane2D]
    validation: list[Plane2D]


@dataclass(frozen=True)
class Settings:
    """What the names in a configuration stand for."""

    start: Start
    degradation: Chain | None
    intensity: Intensity


def resolve(config: TrainConfig) -> Settings:
    """Return what the names in a configuration stand for; raises :class:`ConfigError` if there is no such thing."""
    check_names(config)
    return Settings(
        starting_network(config),
        make_degradation(config.degradation, config.scale) if config.degradation else None,
        Intensity.from_dict(config.intensity),
    )


def read(config: TrainConfig, telling: Telling, stopping: Stopping) -> Images:
    """Open the images, and tell what is wrong with them; no plane is both trained and validated on.

    Raises
    ------
    ImageError, TrainingError
        If they cannot be read, or trained on.
    Cancelled
        If the run is stopped meanwhile.
    """
    telling.say(0, stage="Reading the images …")
    planes, constant = without_constant(load_sources(config.train, config.scale, stopping.check))
    if constant:
        names = ", ".join(dict.fromkeys(p.name for p in constant[:3]))
        telling.say(0, f"{len(constant)} images have one value everywhere, and are left out: {names}.")
    validation = load_sources(config.validation, config.scale, stopping.check)
    if not validation:
        train, kept = split_planes(planes, scale=config.scale, lr_patch=config.lr_patch, share=config.validation_share)
        return Images(drawn(train, config), kept)
    left = without(planes, validation)
    if not left:
        raise TrainingError("Every training image is a validation image, too. Choose others to validate on.")
    if shared := len(planes) - len(left):
        telling.say(0, f"{shared} of the images are validation images, too, and are not trained on.")
    return Images(drawn(left, config), validation)


def drawn(planes: list[Plane2D], config: TrainConfig) -> list[Plane2D]:
    """Return ``config.images`` of the planes, drawn by its seed; those of a smaller number are among them.

    Raises
    ------
    TrainingError
        If there are fewer.
    """
    if not config.images:
        return planes
    if config.images > len(planes):
        raise TrainingError(f"images: {config.images} were asked for; there are {len(planes)} to train on.")
    order = np.random.default_rng(config.seed).permutation(len(planes))[: config.images]
    return [planes[i] for i in order]


def build(
    config: TrainConfig, settings: Settings, images: Images, telling: Telling, stopping: Stopping, *, resume: bool
) -> Task:
    """Return the task, its network with the weights it starts from unless a checkpoint will bring them."""
    start, degradation, intensity = settings.start, settings.degradation, settings.intensity
    # images that are too small are said before anything is fitted to them
    patches = PatchDataset(
        planes=images.train, degradation=degradation, scale=config.scale, intensity=intensity,
        lr_patch=config.lr_patch, length=config.steps * config.batch_size, seed=config.seed, rotate=config.rotate,
        flip=config.flip, rounded=config.rounded, conditions=start.network.conditions,
    )  # fmt: skip
    whole = WholeImages(
        planes=images.validation, degradation=degradation, scale=config.scale, intensity=intensity, limit=128,
        conditions=start.network.conditions,
    )  # fmt: skip
    if start.note and not resume:
        telling.say(0, start.note)
    critic = CriticStart() if resume else starting_critic(config)
    if critic.note:
        telling.say(0, critic.note)
    if start.fresh_filters and not resume:
        telling.say(0, stage="Fitting the linear filter that the network starts from …")
        start_filters(start.fresh_filters, images.train, degradation, intensity, config.scale, stopping.check)
    if OF_FEATURES & {config.loss, *config.extra_losses} and not cached().exists():
        telling.say(0, stage="Fetching the weights of VGG19 (548 MB), once …")
    else:
        telling.say(0, stage="Starting …")
    return Task(start.network, start.card, patches, whole, critic.state)


def warn(task: Task, config: TrainConfig, accelerator: str, telling: Telling, stopping: Stopping) -> None:
    """Tell what should be known of a task before its first step."""
    left_out = task.patches.left_out
    if left_out:
        side = config.lr_patch * config.scale
        telling.say(0, f"{left_out} of the images are smaller than a patch of {side} HR pixels, and are left out.")
    for problem in pair_problems(task.patches.planes, config.scale, check_stop=stopping.check).sentences():
        telling.say(0, problem)
    if (taken := possible_precision(config.precision, accelerator)) != config.precision:
        telling.say(0, f"This processor does not compute in {config.precision}; {taken} is taken.")
