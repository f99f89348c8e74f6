"""Sample images, each as an aligned LR and HR pair with its physical pixel size."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import degrade
from napari_sr.images.downloads import RemoteFile, fetch
from napari_sr.images.dtypes import to_dtype
from napari_sr.images.readers import read_image
from napari_sr.registry import Registry

FOLDER = Path(__file__).parents[1] / "sample_data"


@dataclass(frozen=True)
class Sample:
    """A pair of images on one patch of the world.

    Attributes
    ----------
    title
        For layer names.
    hr, lr
        Images, or stacks of them; LR pixel i covers HR pixels scale*i .. scale*i + scale - 1.
    scale
        Between the two.
    kind
        As on model cards: ``EM`` or ``N-body``.
    pixel_size, unit
        Of the HR image.
    note
        Where it comes from, in a sentence, with licence and attribution.
    log_display
        The values are densities, best seen on a logarithmic scale.
    """

    title: str
    hr: npt.NDArray[Any]
    lr: npt.NDArray[Any]
    scale: int
    kind: str
    pixel_size: float
    unit: str
    note: str
    log_display: bool = False


@dataclass(frozen=True)
class SampleEntry:
    """How to get a sample: what must be downloaded first, what is to be said before, and the loader."""

    load: Callable[[], Sample]
    remote: RemoteFile | None = None
    licence_notice: str = ""


SAMPLES: Registry[SampleEntry] = Registry(kind="sample")

FLYEM = RemoteFile(
    "flyem_validation_iso.04000.png",
    "https://raw.githubusercontent.com/janelia-flyem/neuroproof_examples/"
    "ce839e17deaf4c01153827c6d028dfecfbb4b958/validation_sample/grayscale_maps/iso.04000.png",
    "c7ddf1f4a309484ed78bcf45177e5a2e93364374c8ba82d01cfe990ce9ab47f2",
)
NERVE_CORD = RemoteFile(
    "vnc_stack2_05.tif",
    "https://raw.githubusercontent.com/unidesigner/groundtruth-drosophila-vnc/"
    "4a5f051466d24d8dc1e855ab55658bb1b1dcd6bf/stack2/raw/05.tif",
    "f4020bbcb319466dddbd2eae4734c3cd15f2d2b8b697cdb9dd3a36fd9121ced0",
)
NBODY_NOTE = (
    "Dark-matter density relative to the mean, a slab of 12.5 Mpc/h of a simulation made for napari-sr "
    "with JaxPM: flat ΛCDM, Ω_m 0.30964, h 0.6766, box of 200 Mpc/h. BSD-3-Clause"
)


def _em_pair(hr: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return to_dtype(degrade(hr, "em", 4), hr.dtype)[0]


def _downloaded(file: RemoteFile, title: str, pixel_nm: float, note: str) -> Sample:
    hr = np.asarray(read_image(fetch(file)).data)
    hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
    return Sample(title, hr, _em_pair(hr), 4, "EM", pixel_nm, "nm", note)


def _em_fly() -> Sample:
    return _downloaded(
        FLYEM, "EM fly brain", 10.0,
        "FIB-SEM of the medulla of Drosophila; FlyEM project team, Janelia Research Campus, HHMI: "
        "neuroproof_examples (CC BY); Parag et al. 2015, doi:10.1371/journal.pone.0125825",
    )  # fmt: skip


def _em_nerve_cord() -> Sample:
    return _downloaded(
        NERVE_CORD, "EM nerve cord", 4.6,
        "ssTEM of the ventral nerve cord of larval Drosophila; Gerhard et al. 2013, "
        "doi:10.6084/m9.figshare.856713 (CC BY-NC-SA 3.0: not for commercial use)",
    )  # fmt: skip


def _em_phantom() -> Sample:
    hr = np.asarray(read_image(FOLDER / "em_phantom.tif").data)
    note = "Simulated: a drawing of an EM section made for napari-sr, not a measurement. BSD-3-Clause"
    return Sample("EM phantom (simulated)", hr, _em_pair(hr), 4, "EM", 4.0, "nm", note)


def _nbody_file(name: str) -> dict[str, Any]:
    with np.load(FOLDER / name, allow_pickle=False) as arrays:
        return {k: arrays[k] for k in arrays.files}


def decode_density(stored: npt.NDArray[np.uint16], low: float, high: float) -> npt.NDArray[np.float32]:
    """Return densities from 16-bit codes of log10(density + 0.02) between ``low`` and ``high``."""
    logged = low + stored.astype(np.float64) / 65535 * (high - low)
    return np.asarray(np.maximum(10**logged - 2e-2, 0), dtype=np.float32)


def _nbody(*, paired: bool) -> Sample:
    stored = _nbody_file("nbody_test.npz")
    info = json.loads(str(stored["info"]))
    hr = decode_density(stored["hr"][0], *stored["log_range"])
    pixel = float(info["pixel_size_mpc_h"])
    if paired:
        lr = decode_density(stored["lr"][0], *stored["log_range"])
        note = NBODY_NOTE + "; LR: the same initial phases with 4 times fewer particles per axis"
        return Sample("N-body slice, coarse simulation", hr, lr, 4, "N-body", pixel, "Mpc/h", note, True)
    lr = degrade(hr, "nbody", 4)
    return Sample("N-body slice", hr, lr, 4, "N-body", pixel, "Mpc/h", NBODY_NOTE, True)


def _nbody_training() -> Sample:
    stored = _nbody_file("nbody_train.npz")
    info = json.loads(str(stored["info"]))
    hr = decode_density(stored["hr"], *stored["log_range"])
    lr = np.stack([degrade(plane, "nbody", 4) for plane in hr])
    pixel = float(info["pixel_size_mpc_h"])
    return Sample("N-body training stack", hr, lr, 4, "N-body", pixel, "Mpc/h", NBODY_NOTE, True)


SAMPLES.register("em-fly", title="EM slice (fly brain, FIB-SEM)")(SampleEntry(_em_fly, FLYEM))
SAMPLES.register("em-nerve-cord", title="EM slice (nerve cord, ssTEM)")(
    SampleEntry(
        _em_nerve_cord,
        NERVE_CORD,
        "This image is licensed CC BY-NC-SA 3.0: not for commercial use, and to be cited "
        "(Gerhard et al. 2013, doi:10.6084/m9.figshare.856713).",
    )
)
SAMPLES.register("em-phantom", title="EM phantom (simulated)")(SampleEntry(_em_phantom))
SAMPLES.register("nbody", title="N-body slice")(SampleEntry(lambda: _nbody(paired=False)))
SAMPLES.register("nbody-paired", title="N-body slice (LR from a coarser simulation)")(
    SampleEntry(lambda: _nbody(paired=True))
)
SAMPLES.register("nbody-training", title="N-body training stack")(SampleEntry(_nbody_training))


def load_sample(name: str) -> Sample:
    """Return the sample ``name``, downloading it if it is not cached.

    Raises
    ------
    ConfigError
        If there is no such sample.
    DownloadError
        If it cannot be fetched.
    """
    return SAMPLES[name].load()
