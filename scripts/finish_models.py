"""Turn training runs into the models that ship: half precision, complete cards.

    python scripts/finish_models.py RUNS

RUNS holds one folder a model (as `napari-sr train scripts/models/NAME.1.yaml -o RUNS/NAME` makes it). The
Wiener filters are fitted here. Test images are read from scripts/models/data and scripts/models/nbody.
Then `make results` measures the models and puts the figures on their cards.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from add_hr_spectrum import with_spectrum

from napari_sr.degradations import make_degradation
from napari_sr.images.listing import read_planes
from napari_sr.inference.fixed_channels import FixedChannels
from napari_sr.inference.measured_halo import halo_errors, measure_halo
from napari_sr.intensity import Intensity
from napari_sr.models.model import Model, ModelCard, load, save
from napari_sr.models.store import shipped_folder
from napari_sr.networks.channel_attention import channel_factors
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.patches import Plane2D, lr_of
from napari_sr.training.data.sources import load_sources
from napari_sr.training.fit_filters import fit_wiener

HERE = Path(__file__).parent / "models"
TESTS = {
    "EM": {
        "FlyEM, independent tissue (50 × 250²)": HERE / "data/em_flyem_medulla/flyem_test_independent_250px.tif",
        "FlyEM, test sections (9 × 520²)": HERE / "data/em_flyem_medulla/flyem_test.tif",
        "AxonDeepSeg SEM, test animals (4 images)": HERE / "data/sem_axondeepseg_MIT/test",
    },
    # non-commercial: measured on, never trained on for a model that ships
    "ssTEM": {"fly nerve cord, test stack (10 × 1024²)": HERE / "data/em_vnc_sstem_NC/vnc_stack2_test_00-09.tif"},
    "N-body": {"simulated test box (48 × 256²)": HERE / "nbody/mpc200/test_box5.npz"},
    "fluorescence": {"focal adhesions, mean of the last four frames of the same cell (504²)": HERE / "fluo/test.tif"},
}
#: a real fluorescence image to measure the halo on
LIGHT = HERE / "data/fluo_ccby_notebooks/morpholibj_NucleiDAPIconfocal.tif"
#: LR images of a kind that no degradation has made
MEASURED = {"N-body": HERE / "nbody/pairs/lr/test/mpc200.npz"}
#: sharp images of a kind, for the mean spectrum on the cards
SHARP = {
    "N-body": [HERE / f"nbody/mpc{size}/train_box1.npz" for size in (75, 200, 750)],
    "EM": [HERE / "data/em_flyem_medulla/flyem_train.tif", HERE / "data/sem_axondeepseg_MIT/train"],
    "fluorescence": [
        HERE / f"data/{name}.tif"
        for name in (
            "fluo_neubias/xy_16bit__bacteria_cords_thick",
            "fluo_neubias/xy_8bit__nuclei_PLK1_control",
            "fluo_ccby_notebooks/BPAE_actin",
            "fluo_ccby_notebooks/BPAE_mito",
            "fluo_osteosarcoma/Osteosarcoma_01_G",
        )
    ],
}
#: largest halo that is tried, LR pixels
FARTHEST = 40
#: how the models' names begin, and what makes their LR images
PREFIXES = {"EM": "em", "ssTEM": "em", "N-body": "nbody", "fluorescence": "fluo"}
PRESETS = {"EM": "em", "ssTEM": "em", "N-body": "nbody", "fluorescence": "fluorescence"}
EM_DATA = (
    "FlyEM project team, Janelia Research Campus, HHMI: neuroproof_examples (CC BY), Parag et al. 2015, "
    "doi:10.1371/journal.pone.0125825; data_axondeepseg_sem (MIT), Copyright (c) 2020 ivadomed, "
    "Zaimi et al. 2018, doi:10.1038/s41598-018-22181-4, doi:10.5281/zenodo.5498378"
)
COMMON = {
    "EM": {
        "kind": "EM", "pixel_size": (40.0, 720.0), "pixel_unit": "nm", "attribution": EM_DATA,
        "licence": "BSD-3-Clause (weights); keep the attribution of the training data",
    },
    "N-body": {
        "kind": "N-body", "pixel_size": (3.125,), "pixel_unit": "Mpc/h",
        "attribution": "Simulations made for napari-sr with JaxPM (scripts/simulate_nbody.py)",
        "licence": "BSD-3-Clause",
    },
    "fluorescence": {
        "kind": "fluorescence",
        "attribution": "Focal-adhesion movie of ZeroCostDL4Mic (MIT), Copyright (c) 2020 Quantitative Imaging and "
        "Nanobiophysics Group; von Chamier et al. 2021, doi:10.1038/s41467-021-22518-0",
        "licence": "BSD-3-Clause (weights); keep the attribution of the training data",
    },
}  # fmt: skip
#: of the models that are told what their images suffer from: what else they were trained on
TOLD: dict[str, dict[str, object]] = {
    "EM": {
        "pixel_size": (40.0, 1440.0),
        "attribution": EM_DATA + "; NEUBIAS / EMBL Bioimage Analysis Training Resources (CC BY 4.0)",
    },
    # LR pixels of boxes of 75, 200 and 750 Mpc/h with 64 pixels a side
    "N-body": {"pixel_size": (1.17, 11.72)},
    "fluorescence": {
        "attribution": "NEUBIAS / EMBL Bioimage Analysis Training Resources (CC BY 4.0); R. Haase et al., "
        "BioImageAnalysisNotebooks (CC BY 4.0); BBBC022v1 (CC0), Gustafsdottir et al. 2013, Ljosa et al. 2012; "
        "S. Bhattiprolu, python_for_microscopists (MIT); images simulated for napari-sr",
    },
}
#: not told, but trained on the same boxes
OF_ALL_SIZES = ("nbody-pairs-x4", "nbody-pairs-x4-realistic")
ADAPTIVE = "Zhang et al. 2018, arXiv:1712.06116; Perez et al. 2018, arXiv:1709.07871; Wiener 1949"
DFCAN = "Qiao et al. 2021, Nat. Methods 18:194, doi:10.1038/s41592-020-01048-5"
TEXTS = {
    "em-x4": (
        "Electron microscopy ×4, any blur and noise",
        "A small, fast network that is told how blurred and how noisy the image is, and was trained on random blurs, "
        "pixels, noises and contrasts. Faithful rather than sharp: where it is unsure, it stays smooth.",
        ADAPTIVE,
    ),
    "em-x2": (
        "Electron microscopy ×2, any blur and noise",
        "A small, fast network that is told how blurred and how noisy the image is, and was trained on random blurs, "
        "pixels, noises and contrasts. Faithful rather than sharp: where it is unsure, it stays smooth.",
        ADAPTIVE,
    ),
    "fluo-x2": (
        "Fluorescence ×2, any blur and noise",
        "A small, fast network that is told how blurred and how noisy the image is. Trained on sharp real images and "
        "on simulated ones (filaments, networks, vesicles, membranes, nuclei), with random optics, pixels and photons.",
        ADAPTIVE,
    ),
    "fluo-x4": (
        "Fluorescence ×4, any blur and noise",
        "A small, fast network that is told how blurred and how noisy the image is. Trained on sharp real images and "
        "on simulated ones (filaments, networks, vesicles, membranes, nuclei), with random optics, pixels and photons.",
        ADAPTIVE,
    ),
    "em-x4-realistic": (
        "Electron microscopy ×4, any blur and noise, sharper",
        "em-x4, trained on against a critic that tells its pictures from real ones: sharper, and further from the "
        "truth. Detail may be invented; mix it with em-x4, and look at the consistency and uncertainty maps.",
        ADAPTIVE + "; Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "nbody-x4": (
        "N-body density ×4, boxes of any size",
        "A small, fast network for dark-matter density slices of 0.3 to 3 Mpc/h a pixel of the result, trained on mean "
        "densities and on means of their logarithm, smoothed or not. Not trained on coarse simulations: their errors "
        "are of another kind.",
        ADAPTIVE,
    ),
    "nbody-x4-realistic": (
        "N-body density ×4, boxes of any size, sharper",
        "nbody-x4, trained on against a critic that tells its pictures from real ones: made for the spectrum, not for "
        "the place of every clump. Mix it with nbody-x4.",
        ADAPTIVE + "; Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "nbody-pairs-x4": (
        "N-body simulation ×4, for coarse runs",
        "For slices of a dark-matter simulation with 64 times fewer particles, of 0.3 to 3 Mpc/h a pixel of the "
        "result. Trained on pairs of simulations from the same phases, so it also learns where a coarse run puts "
        "structures wrongly. The least error it can make is a smooth guess: its small-scale power is too low; mix it "
        "with nbody-pairs-x4-realistic. Not for densities that were averaged from a fine run: nbody-x4 is.",
        "Wang et al. 2021, arXiv:2107.10833 (SRVGGNet)",
    ),
    "nbody-pairs-x4-realistic": (
        "N-body simulation ×4, for coarse runs, sharper",
        "nbody-pairs-x4, trained on against a critic that tells its pictures from real ones: made for the spectrum, "
        "not for the place of every clump. Mix it with nbody-pairs-x4.",
        "Wang et al. 2021, arXiv:2107.10833 (SRVGGNet); Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "em-dfcan-x4": (
        "DFCAN ×4 for electron microscopy",
        "Fourier channel attention network for EM images that were scanned with four times larger pixels and a blur. "
        "Trained to be close to the truth, not to look sharp: where it is unsure, it stays smooth.",
        DFCAN,
    ),
    "em-wgan-pixel-x4": (
        "Residual generator ×4 for electron microscopy",
        "The generator of the WGAN-GP thesis, trained with the pixel loss only (no adversary): fast, and close to the "
        "truth rather than sharp.",
        "Ledig et al. 2017, arXiv:1609.04802; Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "em-wgan-x4": (
        "WGAN-GP ×4 for electron microscopy",
        "The generator of em-wgan-pixel-x4, trained further against a critic that tells its pictures from real ones: "
        "sharper, and further from the truth. Detail may be invented; look at the consistency and uncertainty maps.",
        "Ledig et al. 2017, arXiv:1609.04802; Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "nbody-wgan-x4": (
        "WGAN-GP ×4 for N-body densities",
        "Trained against a critic on block means of the logarithm of dark-matter density slices: made for the "
        "spectrum, not for the place of every clump.",
        "Ledig et al. 2017, arXiv:1609.04802; Gulrajani et al. 2017, arXiv:1704.00028",
    ),
    "em-rcan-x4": (
        "RCAN ×4 for electron microscopy",
        "Residual channel attention network with 16 features, 10 groups of 20 blocks. A third opinion beside the DFCAN "
        "and the residual generator.",
        "Zhang et al. 2018, arXiv:1807.02758",
    ),
    "nbody-rcan-x4": (
        "RCAN ×4 for N-body densities",
        "Residual channel attention network with 16 features, 10 groups of 20 blocks, trained on block means of the "
        "logarithm of dark-matter density slices.",
        "Zhang et al. 2018, arXiv:1807.02758",
    ),
    "fluo-wiener-x2": (
        "Wiener filter ×2 for noisy fluorescence (demonstration)",
        "The best linear filter for images of one cell with little light: it deblurs as far as their noise allows, and "
        "nothing is learnt about structure.",
        "Wiener 1949",
    ),
    "em-wiener-x4": (
        "Wiener filter ×4 for electron microscopy",
        "The best linear filter for the same images: deconvolution, nothing learnt about structure. "
        "A good second opinion.",
        "Wiener 1949",
    ),
    "nbody-wiener-x4": (
        "Wiener filter ×4 for N-body densities",
        "The best linear filter on the logarithm of the density: nothing learnt about structure.",
        "Wiener 1949",
    ),
}


def wiener(name: str, like: Path) -> Model:
    """Fit the Wiener filter on the training images of another model's configuration."""
    config = TrainConfig.read(like)
    intensity = Intensity.from_dict({**config.intensity, "lower": 0.0, "upper": 1.0})
    planes = load_sources(config.train, config.scale)
    degradation = make_degradation(config.degradation, config.scale)
    network = fit_wiener(planes, degradation=degradation, intensity=intensity)
    card = ModelCard(
        name=name, network="wiener", hyper_parameters=network.hyper_parameters, scale=config.scale,
        intensity=intensity.to_dict(), degradation=config.degradation,
        training={
            "data": [Path(s.path).name for s in config.train], "images": len(planes),
            "loss": "least squares, closed form", "steps": 1,
        },
    )  # fmt: skip
    return Model(network=network.eval(), card=card)


def widest_halo(model: Model, lr: np.ndarray) -> dict[str, int]:
    """Return the halo that is enough whatever the network is told."""
    found: list[dict[str, int]] = []
    for blur, noise in (
        itertools.product((0.0, 0.4, 0.8, 1.2), (0.1, 2.0, 20.0)) if model.network.conditions else [(0, 0)]
    ):
        model.network.tell({"blur": blur, "noise": noise})
        found.append(measure_halo(model, lr))
    return {key: max(halo[key] for halo in found) for key in found[0]}


def fixed_halo(model: Model, lr: np.ndarray) -> dict[str, int]:
    """Return the halo that is enough where channels are scaled as a whole image says."""
    factors, _ = channel_factors(model.network, torch.from_numpy(model.intensity.fit(lr).forward(lr))[None, None])
    return measure_halo(FixedChannels(factors[0], {}).of(model), lr, farthest=FARTHEST)


def finish(model: Model, kind: str) -> None:
    """Complete the card by measurement and write the shipped file."""
    name = model.card.name
    title, description, citation = TEXTS[name]
    facts = {**COMMON[kind], **(TOLD[kind] if model.network.conditions or name in OF_ALL_SIZES else {})}
    card = replace(model.card, title=title, description=description, citation=citation, metrics=(), **facts)
    if not card.lr_images and card.degradation:
        card = replace(card, lr_images=make_degradation(card.degradation, card.scale).ranges())
    model = Model(network=model.network, card=card)
    tests = list(TESTS[kind].values())
    told_light = kind == "fluorescence" and model.network.conditions
    first = read_planes(LIGHT if told_light else tests[1] if kind == "EM" else tests[0])[0]
    if card.degradation:
        lr = lr_of(Plane2D(first).hr, make_degradation(card.degradation, card.scale))
    else:  # trained on measured pairs
        lr = read_planes(MEASURED[kind])[0]
    if kind == "N-body":
        lr = np.pad(lr, lr.shape[0] // 2, mode="wrap")  # the boxes are periodic, and one alone is too small
    if model.network.fixes:  # of a large image, what it pools is fixed: see inference/fixed_channels.py
        card = replace(card, halo=fixed_halo(model, lr))
        print(name, "halo with fixed channels", card.halo)
    elif model.network.pools_tile:
        halo = card.trained_patch // 16
        seam = halo_errors(model, lr[: card.trained_patch, : card.trained_patch], [halo, 2 * halo])
        print(name, "deviation of a tile from the whole image, share of the span:", seam)
    else:
        card = replace(card, halo=widest_halo(model, lr))
        print(name, "halo", card.halo, "of", model.network.halo)
    finished = Model(network=model.network, card=card)
    if kind in SHARP:
        finished = with_spectrum(finished, SHARP[kind], most=40)
    save(finished, shipped_folder() / f"{name}.safetensors", half=True)


def main() -> None:
    runs = Path(sys.argv[1])
    wanted = sys.argv[2:]
    for name in TEXTS:
        if wanted and name not in wanted:
            continue
        kind = next(k for k, prefix in PREFIXES.items() if name.startswith(f"{prefix}-"))
        if "wiener" in name:
            finish(wiener(name, HERE / f"{name.replace('wiener', 'dfcan')}.1.yaml"), kind)
        elif (run := runs / name / f"{name}.safetensors").exists():
            finish(load(run), kind)
        else:
            print(f"{name}: no run in {runs}")


if __name__ == "__main__":
    main()
