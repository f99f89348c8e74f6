"""What a training run is: one frozen configuration, checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from napari_sr.arguments import check_arguments
from napari_sr.errors import ConfigError
from napari_sr.intensity import Intensity
from napari_sr.models.model import ModelCard
from napari_sr.models.store import INTERPOLATION_NAMES, LONGEST_NAME
from napari_sr.paths import reason
from napari_sr.training.checks import check_kinds, with_numbers
from napari_sr.training.parts import Adversarial, Source, check_rate

PRECISIONS = ("fp32", "bf16", "fp16")
MONITORS = ("psnr", "loss")


#: that NumPy takes
LARGEST_SEED = 2**32 - 1


def check_name(name: str) -> None:
    """Raise :class:`ConfigError` unless a model can have this name, and its file too, on every system."""
    if len(name) > LONGEST_NAME:
        raise ConfigError(f"name: it has {len(name)} letters, more than {LONGEST_NAME}")
    if not re.fullmatch(r"\w[\w .+-]*", name) or name[-1] in " .":
        raise ConfigError(f"name: {name!r} cannot be a file's name; take letters, digits, hyphens and points.")
    if INTERPOLATION_NAMES.fullmatch(name):
        raise ConfigError(f"name: {name} is an interpolation. Choose another one.")


@dataclass(frozen=True)
class TrainConfig:
    """Configuration of a run.

    Attributes
    ----------
    name
        Name of the model that comes out.
    train, validation
        HR images. Without ``validation`` images, one image in ten of ``train`` is kept aside.
    images
        So many of the images to train on are drawn and used, the rest is left alone; 0 for all. More of them, with the
        same seed, are the same and others. Those that are validated on stay the same.
    network, hyper_parameters, scale
        What to train.
    start_from
        Name or path of a model whose weights to start with. The intensity must be that of its card; with another scale,
        the layers that depend on it begin anew.
    recipe
        Name of the recipe that the settings come from.
    loss, loss_options
        The pixel loss, any of :data:`napari_sr.losses.LOSSES`, and its options.
    extra_losses, extra_options
        Further losses and their weights; options by loss.
    adversarial
        The critic's side; None for a training without one.
    degradation
        Preset that makes LR from HR; empty if every source has measured LR images.
    rounded
        Share of the patches whose LR side is rounded as an 8-bit image is when it is stored; the rest keeps its
        fractions, as 16-bit images and averages do. Counts for HR images of integers only.
    intensity
        Fields of :class:`napari_sr.intensity.Intensity`.
    lr_patch, batch_size, steps
        LR patch side in pixels, patches a step, optimiser steps.
    learning_rate, betas
        Maximum of the schedule; moments of the optimiser.
    optimizer, schedule
        Names in :mod:`napari_sr.training.lightning.optimizers`.
    ema
        Decay of the running mean of the weights that is validated and kept; 0 for the weights themselves.
    precision
        ``fp32``, or ``bf16`` or ``fp16`` for mixed precision where the device is made for it, ``fp32`` on processors
        that are not.
    validate_every
        Steps between validations; also between checkpoints.
    monitor
        What a validation is judged by: ``psnr`` (the highest) or ``loss`` (the lowest, as Keras's early stopping has
        it). The best weights are kept by it. Neither tells when an adversarial training is done.
    patience
        Validations without a better one after which a run ends early; 0 for never. PSNR is smoothed for this, the loss
        is not.
    seed
        Of weights and sampling.
    rotate, flip
        Learn from patches in quarter turns, and mirrored left-right and up-down; with both, the square's 8 symmetries.
    validation_share
        Share of the images that is kept aside to validate on, if no validation images are given; of a single image
        at least a fifth.
    card
        Entries of the model card that training cannot know: title, licence, attribution, …
    """

    name: str
    train: tuple[Source, ...]
    validation: tuple[Source, ...] = ()
    images: int = 0
    network: str = "dfcan"
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    scale: int = 4
    start_from: str = ""
    recipe: str = "regression"
    loss: str = "mse+ssim"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    extra_losses: Mapping[str, float] = field(default_factory=dict)
    extra_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    adversarial: Adversarial | None = None
    degradation: str = "em"
    rounded: float = 1.0
    intensity: Mapping[str, Any] = field(default_factory=lambda: Intensity().to_dict())
    lr_patch: int = 32
    batch_size: int = 8
    steps: int = 10_000
    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.999)
    optimizer: str = "adam"
    schedule: str = "one-cycle"
    ema: float = 0.0
    precision: str = "fp32"
    validate_every: int = 500
    monitor: str = "psnr"
    patience: int = 0
    seed: int = 0
    rotate: bool = True
    flip: bool = True
    validation_share: float = 0.1
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kinds(self)
        if not self.train:
            raise ConfigError("train: no image to train on was given")
        positive = ("scale", "lr_patch", "batch_size", "steps", "validate_every")
        for name in positive:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1")
        for name in ("images", "patience", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative")
        if self.seed > LARGEST_SEED:
            raise ConfigError(f"seed must be at most {LARGEST_SEED}")
        check_rate("learning_rate", self.learning_rate)
        if not 0 <= self.ema < 1:
            raise ConfigError("ema must lie between 0 and 1")
        if not 0 < self.validation_share <= 0.5:
            raise ConfigError("validation_share must lie between 0 and 0.5")
        if not 0 <= self.rounded <= 1:
            raise ConfigError("rounded must lie between 0 and 1")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}")
        if self.monitor not in MONITORS:
            raise ConfigError(f"monitor must be one of {', '.join(MONITORS)}")
        if self.adversarial is not None and self.adversarial.pixel_steps >= self.steps:
            raise ConfigError("pixel_steps must be fewer than steps, or the critic never enters")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError("betas must lie between 0 and 1")
        check_name(self.name)
        if unknown := sorted(set(self.card) - {f.name for f in fields(ModelCard)}):
            raise ConfigError(f"card: a model card has no entries called {', '.join(unknown)}")
        if unused := sorted(set(self.extra_options) - set(self.extra_losses)):
            raise ConfigError(f"extra_options: {', '.join(unused)} is not among extra_losses")
        if not self.degradation and not all(s.lr for s in (*self.train, *self.validation)):
            raise ConfigError("degradation: there is none, but not every source has LR images of its own (lr)")
        Intensity.from_dict(self.intensity)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as YAML holds them."""
        values = asdict(self)
        values["betas"] = list(self.betas)
        values["train"] = [asdict(s) for s in self.train]
        values["validation"] = [asdict(s) for s in self.validation]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build from plain values; raises :class:`ConfigError` that names a field which is unknown, or wrong."""
        if "augment" in values:  # what rotate and flip were together, once
            values = {**dict.fromkeys(("rotate", "flip"), values["augment"]), **values}
            values = {name: value for name, value in values.items() if name != "augment"}
        read = with_numbers(values, cls)
        for name in ("train", "validation"):
            given = values.get(name) or ()
            if not isinstance(given, list | tuple):
                raise ConfigError(f"{name} must be a list of images, not {given!r}")
            read[name] = tuple(Source.of(one, what=f"an image of {name}") for one in given)
        if isinstance(read.get("betas"), list):
            read["betas"] = tuple(read["betas"])
        if read.get("adversarial") is not None:
            read["adversarial"] = Adversarial.of(read["adversarial"])
        return cls(**check_arguments("a training", cls, read))

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read a YAML file; relative image paths count from the file's folder."""
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {reason(error)}") from None
        except (UnicodeDecodeError, yaml.reader.ReaderError):  # the latter: letters that no text has
            raise ConfigError(f"{path} is no text (UTF-8), and so no training configuration.") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path} is not a training configuration")
        config = cls.from_dict(values)

        def anchored(sources: tuple[Source, ...]) -> tuple[Source, ...]:
            def here(name: str) -> str:
                return str(path.parent / name) if name else ""

            return tuple(Source(here(s.path), s.weight, here(s.lr)) for s in sources)

        start = path.parent / config.start_from
        return replace(
            config,
            train=anchored(config.train),
            validation=anchored(config.validation),
            start_from=str(start) if config.start_from and start.is_file() else config.start_from,
        )

    def write(self, path: Path) -> None:
        """Write a YAML file that :meth:`read` understands wherever it is called from.

        Images within the file's folder are written relative to it, others with their whole path.
        """
        folder = path.parent.resolve()

        def portable(name: str) -> str:
            whole = Path(name).resolve()
            return (whole.relative_to(folder) if whole.is_relative_to(folder) else whole).as_posix() if name else ""

        def moved(sources: tuple[Source, ...]) -> tuple[Source, ...]:
            return tuple(Source(portable(s.path), s.weight, portable(s.lr)) for s in sources)

        start = portable(self.start_from) if Path(self.start_from).is_file() else self.start_from
        config = replace(self, train=moved(self.train), validation=moved(self.validation), start_from=start)
        path.write_text(yaml.safe_dump(config.to_dict(), sort_keys=False), encoding="utf-8")
