"""How fast networks were on this computer: measured once, kept on disk, by architecture and not by weights."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from napari_sr.images.downloads import cache_folder
from napari_sr.inference.device import Target, device_title
from napari_sr.models.model import Model
from napari_sr.models.whole_file import beside
from napari_sr.networks.channel_attention import fixed_channels

logger = logging.getLogger(__name__)
#: so many networks, devices and precisions are remembered; the oldest go first
KEPT = 300


@dataclass(frozen=True)
class Timing:
    """What was measured of one network; zeros where nothing was.

    Attributes
    ----------
    tile, rate
        Fastest tile side with torch, in LR pixels; LR pixels kept a second.
    openvino_tile, openvino_rate
        Likewise with OpenVINO; a rate below zero if it cannot have the network.
    openvino_build
        Seconds until OpenVINO is ready.
    """

    tile: int = 0
    rate: float = 0.0
    openvino_tile: int = 0
    openvino_rate: float = 0.0
    openvino_build: float = 0.0


def path() -> Path:
    """Return the file that timings are kept in."""
    return cache_folder() / "timings.json"


def remembered(model: Model, target: Target) -> Timing:
    """Return what is known of a model on a device."""
    return _read().get(_key(model, target), Timing())


def remember(model: Model, target: Target, **measured: Any) -> Timing:
    """Keep what was measured, beside what is known already, and return both.

    In a folder that cannot be written nothing is kept, and the next run measures again.
    """
    known = _read()
    key = _key(model, target)
    timing = replace(known.pop(key, Timing()), **measured)
    known[key] = timing
    kept = dict(list(known.items())[-KEPT:])
    try:
        with beside(path()) as part:
            part.write_text(json.dumps({k: asdict(t) for k, t in kept.items()}), encoding="utf-8")
    except OSError as error:
        logger.warning("%s could not be written: %s", path(), error)
    return timing


def _read() -> dict[str, Timing]:
    """Return everything that is known: nothing, if the file is not there, or not one of ours."""
    try:
        content = json.loads(path().read_text(encoding="utf-8"))
        return {str(key): _timing(values) for key, values in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _timing(values: Mapping[str, Any]) -> Timing:
    known = {f.name for f in fields(Timing)}
    numbers: dict[str, Any] = {n: int(v) if "tile" in n else float(v) for n, v in values.items() if n in known}
    return Timing(**numbers)


def _key(model: Model, target: Target) -> str:
    """Name everything that the speed depends on: the weights are not among it."""
    card, network = model.card, model.network
    where = processor() if target.device == "cpu" else device_title(target.device)
    # with its channels fixed, a network is another one
    patch: object = card.trained_patch if network.localises else "fixed" if fixed_channels(network) is not None else 0
    settings = json.dumps(dict(card.hyper_parameters), sort_keys=True, default=str)
    threads = torch.get_num_threads() if target.device == "cpu" else 0
    parts = (where, threads, target.precision, torch.__version__, card.network, card.scale, settings, patch)
    return " | ".join(map(str, parts))


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the processor's name as its maker has it, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = [line.split(":", 1)[1].strip() for line in lines if line.split("\t")[0].strip() == "model"]
        return f"{named[0]} {model[0]}" if named and model else platform.processor()
    except OSError:
        return platform.processor() or platform.machine()
