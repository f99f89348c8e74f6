"""What a training run is: one frozen configuration, checked before anything starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from napari_sr.errors import ConfigError
from napari_sr.intensity import Intensity


@dataclass(frozen=True)
class Source:
    """HR images to train on: a file or a folder, and how often it is drawn beside the other sources."""

    path: str
    weight: float = 1.0


@dataclass(frozen=True)
class TrainConfig:
    """Configuration of a run with a pixel loss.

    Attributes
    ----------
    name
        Name of the model that comes out.
    train, validation
        HR images. Without ``validation`` images, one image in ten of ``train`` is kept aside.
    network, hyper_parameters, scale
        What to train.
    start_from
        Name or path of a model whose weights to start with; scale and intensity must be those of its card.
    loss
        ``l1``, ``mse`` or ``mse+ssim``.
    degradation
        Preset that makes LR from HR.
    intensity
        Fields of :class:`napari_sr.intensity.Intensity`.
    lr_patch, batch_size, steps
        LR patch side in pixels, patches a step, optimiser steps.
    learning_rate, betas
        Maximum of the one-cycle schedule; Adam's moments.
    validate_every
        Steps between validations; also between checkpoints.
    seed, augment
        Of weights and sampling; 8-fold symmetry.
    card
        Entries of the model card that training cannot know: title, licence, attribution, …
    """

    name: str
    train: tuple[Source, ...]
    validation: tuple[Source, ...] = ()
    network: str = "dfcan"
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    scale: int = 4
    start_from: str = ""
    loss: str = "mse+ssim"
    degradation: str = "em"
    intensity: Mapping[str, Any] = field(default_factory=lambda: Intensity().to_dict())
    lr_patch: int = 32
    batch_size: int = 8
    steps: int = 10_000
    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.999)
    validate_every: int = 500
    seed: int = 0
    augment: bool = True
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.train:
            raise ConfigError("train: no image to train on was given")
        positive = ("scale", "lr_patch", "batch_size", "steps", "validate_every")
        for name in positive:
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                raise ConfigError(f"{name} must be a whole number of at least 1")
        if not (math.isfinite(self.learning_rate) and 0 < self.learning_rate <= 1):
            raise ConfigError(f"learning_rate must lie between 0 and 1, not {self.learning_rate}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError("betas must lie between 0 and 1")
        if Path(self.name).name != self.name or not self.name:
            raise ConfigError(f"name: {self.name!r} cannot be a file name")
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
        """Build from plain values; an unknown field raises :class:`ConfigError` that names it."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown field in the training configuration: {', '.join(unknown)}")
        read = dict(values)
        for name in ("train", "validation"):
            read[name] = tuple(Source(s) if isinstance(s, str) else Source(**s) for s in read.get(name) or ())
        if "betas" in read:
            read["betas"] = tuple(read["betas"])
        try:
            return cls(**read)
        except TypeError as error:
            raise ConfigError(f"training configuration: {error}") from None

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read a YAML file; relative image paths count from the file's folder."""
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path} is not a training configuration")
        config = cls.from_dict(values)

        def anchored(sources: tuple[Source, ...]) -> tuple[Source, ...]:
            return tuple(Source(str(path.parent / s.path), s.weight) for s in sources)

        from dataclasses import replace

        return replace(config, train=anchored(config.train), validation=anchored(config.validation))
