"""Train every system of the sources for the same budget, measure them, and write the table to docs/results.md.

    python scripts/compare_systems.py --prepare           # the sets, from scripts/models/data and scripts/models/nbody
    python scripts/compare_systems.py                     # train what is missing; --only EM/rcan --jobs 1 for some
    python scripts/compare_systems.py --time              # how fast they are, with nothing beside them
    python scripts/compare_systems.py --tables            # measure what is not trained, and write the tables

What was measured stands in scripts/systems.jsonl: the models themselves are not kept. Its rows of an H200 have the
digits that the table had: the files they came from are lost. Of other images a row is refused by its bicubic.

Budget: 1500 steps of 8 patches of 32² LR pixels, ×4, in mixed precision (bf16) where the device is fast at it; Adam
with one cycle; L1, and the critic from half of the run on for those that have one. Nothing is tuned for any of them but
the learning rate, which is its paper's. VGG19's weights need a download of 548 MB: where they are missing, the
perceptual losses of SRGAN, ESRGAN and ESRGAN+ are left out, and the table says so.

Sets: EM (FlyEM's training sections, tested on its independent tissue), N-body (a box of 200 Mpc/h; LR is the block mean
of the logarithm, as in the thesis), and N-body pairs (LR is another simulation, of the same phases, with 4³ times fewer
particles).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, ROWS, RATES = HERE.parent / "docs/results.md", HERE / "systems.jsonl", HERE / "systems-rates.json"
BEGIN, END = "<!-- systems: written by scripts/compare_systems.py -->", "<!-- end of systems -->"
BUDGET = {"steps": 1500, "batch_size": 8, "lr_patch": 32}
#: dB by which bicubic may differ between rows of one set: they have two digits
SAME_IMAGES = 0.01
TANH = {"lower": -0.8, "upper": 0.8}


@dataclass(frozen=True)
class System:
    """A network and how it is trained."""

    title: str
    network: str
    rate: float = 5e-4
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    adversarial: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


IN_TURN = {"n_critic": 1, "gradient_penalty": 0.0}
#: the slow ones first, so that they do not end last
SYSTEMS = {
    "swinir": System("SwinIR, lightweight", "swinir", 5e-4, {"num_features": 60, "num_blocks": 4, "mlp_ratio": 2.0}),
    "drcn": System("DRCN", "drcn", 3e-4),
    "rcan-paper": System("RCAN, paper size", "rcan", 1e-4, {"num_features": 64}),
    "esrgan-plus": System(
        "ESRGAN+ ¹", "esrgan-plus", 1e-4, {}, {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 5e-3, "pixel_weight": 1.0,
        },
    ),
    "rrdb": System("RRDBNet (ESRGAN's generator)", "rrdb", 1e-4),
    "esrgan": System(
        "ESRGAN ¹", "rrdb", 1e-4, {}, {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 5e-3, "pixel_weight": 1.0,
        },
    ),
    "real-esrgan": System(
        "Real-ESRGAN's critic ¹", "rrdb", 1e-4, {}, {
            **IN_TURN, "loss": "standard", "critic": "unet-discriminator", "critic_learning_rate": 1e-4,
            "weight": 0.1, "pixel_weight": 1.0,
        },
    ),
    "rcan": System("RCAN 16", "rcan", 3e-4),
    "rcan-rmsprop": System("RCAN 16, RMSprop at 1e-3", "rcan", 1e-3, {}, None, {"optimizer": "rmsprop"}),
    "wgan-gp": System(
        "WGAN-GP, γ = 100", "wgan", 5e-4, {}, {"pixel_weight": 100.0}, {"betas": (0.5, 0.9), "intensity": TANH},
    ),
    "wgan-clip": System(
        "WGAN, clipped weights", "wgan", 5e-5, {},
        {"pixel_weight": 100.0, "gradient_penalty": 0.0, "clip": 0.01, "critic_learning_rate": 5e-5},
        {"optimizer": "rmsprop", "intensity": TANH},
    ),
    "structure-gan": System(
        "Conditional GAN, structure", "srresnet", 1e-4, {"head": "tanh"},
        {"critic": "conditional-critic", "critic_learning_rate": 1e-4},
        {"betas": (0.5, 0.9), "intensity": TANH, "extra_losses": {"gradient": 50.0, "ssim": 10.0}},
    ),
    "srgan": System(
        "SRGAN ¹", "srresnet", 1e-4, {"head": "tanh"}, {
            **IN_TURN, "loss": "standard", "critic": "srgan-discriminator", "critic_learning_rate": 1e-4,
            "weight": 1e-3, "pixel_weight": 1.0,
        }, {"intensity": TANH},
    ),
    "dfcan": System("DFCAN, linear filter below", "dfcan", 3e-4, {"head": "linear", "skip": "filter"}),
    "dfcan-l1": System("DFCAN, as published", "dfcan", 3e-4, {"head": "sigmoid", "skip": "none"}),
    "wgan": System("WGAN generator, L1", "wgan", 5e-4, {}, None, {"intensity": TANH}),
    "srresnet": System("SRResNet", "srresnet", 2e-4, {"head": "linear"}),
    "edsr": System("EDSR, baseline", "edsr", 2e-4),
    "wdsr": System("WDSR", "wdsr", 5e-4),
    "srvgg": System("SRVGGNet (Real-ESRGAN, compact)", "srvgg", 5e-4),
    "vdsr": System("VDSR", "vdsr", 3e-4),
    "fsrcnn": System("FSRCNN", "fsrcnn", 1e-3),
    "srcnn": System("SRCNN", "srcnn", 1e-3),
}  # fmt: skip
SETS = ("EM", "N-body", "N-body pairs")
#: on measured pairs, some of each kind
ON_PAIRS = ("dfcan-l1", "rcan", "wgan", "edsr", "srresnet", "rrdb", "wgan-gp", "swinir")


TITLES = {
    "EM": "EM: FlyEM, independent tissue (25 × 248²)",
    "N-body": "N-body: another box of 200 Mpc/h (16 × 256²), LR the mean of the logarithm",
    "N-body pairs": "N-body pairs: the same slices, LR another simulation with 4³ times fewer particles",
}
PLAIN = ("nearest-x4", "bilinear-x4", "lanczos-x4")
#: measured beside them, and not trained for the budget
BASELINES = {
    "EM": (*PLAIN, "em-wiener-x4"),
    "N-body": (*PLAIN, "nbody-wiener-x4"),
    "N-body pairs": (*PLAIN, "nbody-wiener-x4", "nbody-x4", "nbody-rcan-x4", "nbody-wgan-x4"),
}


def jobs_of(only: str) -> list[str]:
    """Return the names of the jobs, ``set/system``, those of ``only`` in their order."""
    found = [f"{kind}/{name}" for name in SYSTEMS for kind in SETS if kind != "N-body pairs" or name in ON_PAIRS]
    if unknown := sorted(set(filter(None, only.split(","))) - set(found)):
        raise SystemExit(f"There is no {unknown[0]}; there are {', '.join(found)}.")
    return only.split(",") if only else found


def config_of(job: str, data: Path, steps: int) -> Any:
    """Return the configuration of a job."""
    from napari_sr.training import TrainConfig
    from napari_sr.training.recipes import DENSITY

    kind, name = job.split("/")
    system, density = SYSTEMS[name], kind != "EM"
    settings = {**BUDGET, "steps": steps, **system.settings}
    limits = settings.pop("intensity", {})
    intensity = {**(DENSITY if density else {"kind": "percentile", "low": 0.5, "high": 99.5}), **limits}
    train, val = _sources(kind, data)
    adversarial = system.adversarial
    if adversarial is not None:
        adversarial = {"pixel_steps": steps // 2, "critic_learning_rate": system.rate, **adversarial}
    values = {
        "name": job.replace("/", "-").replace(" ", "-").lower(), "train": [train], "validation": [val],
        "network": system.network, "hyper_parameters": dict(system.hyper_parameters), "scale": 4, "loss": "l1",
        "degradation": {"EM": "em", "N-body": "nbody", "N-body pairs": ""}[kind], "intensity": intensity,
        "learning_rate": system.rate, "precision": "bf16", "validate_every": steps // 3,
        "adversarial": adversarial, "card": {"kind": "N-body" if density else "EM", "title": system.title}, **settings,
    }  # fmt: skip
    return TrainConfig.from_dict(values)


def _sources(kind: str, data: Path) -> tuple[dict[str, str], dict[str, str]]:
    if kind == "EM":
        return {"path": str(data / "em/train.npz")}, {"path": str(data / "em/val.npz")}
    lr = [str(data / f"nbody/lr/{part}.npz") if kind == "N-body pairs" else "" for part in ("train", "val")]
    parts = [{"path": str(data / f"nbody/hr/{part}.npz"), "lr": lr[i]} for i, part in enumerate(("train", "val"))]
    return parts[0], parts[1]


def run_job(job: str, data: Path, out: Path, *, workers: int, steps: int) -> dict[str, Any]:
    """Train and measure one system; returns the row of the table."""
    from napari_sr.models.model import load
    from napari_sr.training import fit

    config = config_of(job, data, steps)
    folder = out / "runs" / config.name
    start = time.monotonic()
    path = fit(config, folder, resume=(folder / "last.ckpt").exists(), workers=workers)
    minutes = (time.monotonic() - start) / 60
    model = load(path)
    row = measure(model, job.split("/", maxsplit=1)[0], data)
    return {
        "job": job, "steps": steps, "parameters": model.network.parameter_count(), "minutes": minutes,
        "trained_minutes": model.card.training["minutes"], "device": model.card.training["device"],
        **row,
    }  # fmt: skip


def measure(model: Any, kind: str, data: Path) -> dict[str, Any]:
    """Return the figures of a model, and of bicubic, on the test images of a set."""
    from napari_sr.evaluation import evaluate_models
    from napari_sr.images.listing import read_planes
    from napari_sr.metrics.naturalness import shipped_model

    settings: dict[str, Any] = {"naturalness": shipped_model("EM" if kind == "EM" else "N-body")}
    if kind == "EM":
        targets, settings["degradation"] = read_planes(data / "em/test.npz"), "em"
    else:
        targets, settings["density"] = read_planes(data / "nbody/hr/test.npz"), True
        if kind == "N-body":
            settings["degradation"] = "nbody"
        else:
            settings["lr_images"] = read_planes(data / "nbody/lr/test.npz")
    table = evaluate_models([model], targets, **settings)
    rows = {row.name: row.means for row in table.rows}
    return {
        "bicubic": rows[table.rows[0].name],
        "model": rows[model.card.name],
        "conditions": table.conditions_line(),
    }


def prepare(data: Path) -> None:
    """Write the images of the sets: from the FlyEM sections, and the boxes that simulate_nbody.py made."""
    import numpy as np
    import tifffile

    def write(name: str, images: Any) -> None:
        path = data / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, images=images)
        print(path, images.shape, flush=True)

    sections = HERE / "models/data/em_flyem_medulla"
    write("em/train", tifffile.imread(sections / "flyem_train.tif"))
    write("em/val", tifffile.imread(sections / "flyem_val.tif"))
    write("em/test", tifffile.imread(sections / "flyem_test_independent_250px.tif")[::2, :248, :248])
    boxes = HERE / "models/nbody"
    for part, used in (("train", slice(None)), ("val", slice(0, 16)), ("test", slice(0, 16))):
        for side in ("hr", "lr"):
            slices = [np.load(file)[side][used] for file in sorted(boxes.glob(f"{part}_box*.npz"))]
            write(f"nbody/{side}/{part}", np.concatenate(slices))


def rate(config: Any) -> float:
    """Return output Mpx/s of a network on 512² LR pixels, the best of three runs; its weights do not matter."""
    import numpy as np

    from napari_sr.inference import Upscaler
    from napari_sr.models.model import Model, ModelCard
    from napari_sr.networks import create_network

    network = create_network(config.network, scale=config.scale, **dict(config.hyper_parameters))
    card = ModelCard(
        name=config.name, network=config.network, hyper_parameters=network.hyper_parameters, scale=config.scale,
        intensity=dict(config.intensity),
    )  # fmt: skip
    upscaler = Upscaler(Model(network=network.eval(), card=card))
    image = np.random.default_rng(0).integers(0, 255, (512, 512)).astype(np.uint8)
    upscaler(image)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        sr = upscaler(image)
        times.append(time.perf_counter() - start)
    return float(np.asarray(sr).size / min(times) / 1e6)


def train_all(args: argparse.Namespace) -> None:
    """Run every job that is missing in a process of its own, some at a time, until the time is over."""
    args.out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    done = {row["job"] for row in read_rows()}

    def one(job: str) -> None:
        if args.seconds and time.monotonic() - begin > args.seconds:
            print(f"{job}: no time left", flush=True)
            return
        command = [sys.executable, __file__, "--job", job, "--data", str(args.data), "--out", str(args.out)]
        command += ["--workers", str(args.workers), "--steps", str(args.steps)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            print(f"{job} failed: {ran.stderr[-1500:]}", flush=True)
            return
        row = ran.stdout.strip().splitlines()[-1]
        with ROWS.open("a", encoding="utf-8") as file:
            file.write(row + "\n")
        values = json.loads(row)
        print(f"{time.monotonic() - begin:.0f} s  {job}  {values['model']['psnr'] or float('nan'):.2f} dB", flush=True)

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(one, [job for job in jobs_of(args.only) if job not in done]))


def read_rows() -> list[dict[str, Any]]:
    """Return what was measured so far."""
    return [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]


def measure_baselines(args: argparse.Namespace) -> None:
    """Measure what is not trained here on the same images: interpolations, linear filters, and shipped models."""
    from napari_sr import load_model

    done = {row["job"] for row in read_rows()}
    for kind, names in BASELINES.items():
        for name in names:
            if f"{kind}/{name}" in done:
                continue
            model = load_model(name)
            row = {"job": f"{kind}/{name}", "parameters": model.network.parameter_count(), "device": ""}
            row |= measure(model, kind, args.data)
            with ROWS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{kind}/{name}  {row['model']['psnr']:.2f} dB", flush=True)


def table_of(kind: str, rows: list[dict[str, Any]], rates: dict[str, float]) -> str:
    """Return the table of one set as Markdown, bicubic first, then by PSNR."""
    density = kind != "EM"
    columns = {"psnr": "PSNR [dB] ↑", "ssim": "SSIM ↑", "ms_ssim": "MS-SSIM ↑", "niqe": "NIQE ↓"}
    if density:
        columns |= {"spectrum_score": "spectrum score ↑", "spectrum_mse": "error of the spectrum ↓"}
    digits = {"psnr": 2, "niqe": 1, "spectrum_mse": 0, "spectrum_score": 2}
    of_kind = [row for row in rows if row["job"].startswith(f"{kind}/")]
    lines = [
        "| | " + " | ".join(columns.values()) + " | weights |" + ("" if density else " Mpx/s |"),
        "|---" * (len(columns) + (2 if density else 3)) + "|",
    ]
    bicubic = of_kind[0]["bicubic"]
    figures = [("bicubic", bicubic, None, None)]
    for row in of_kind:
        if abs(row["bicubic"]["psnr"] - bicubic["psnr"]) > SAME_IMAGES:
            raise SystemExit(f"{row['job']} was measured on other images: bicubic has {row['bicubic']['psnr']:.2f} dB.")
        name = row["job"].split("/", maxsplit=1)[1]
        title = SYSTEMS[name].title if name in SYSTEMS else name.removesuffix("-x4") if name in PLAIN else name
        figures.append((title, row["model"], row["parameters"], rates.get(name)))
    for title, values, weights, speed in sorted(figures, key=lambda f: (f[0] != "bicubic", f[1]["psnr"] or 0.0)):
        cells = ["–" if values.get(c) is None else f"{values[c]:.{digits.get(c, 3)}f}" for c in columns]
        cells += [f"{weights:,}".replace(",", " ") if weights else ""]
        if not density:  # timed with the intensities of EM
            cells += [f"{speed:.3g}" if speed else ""]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_tables() -> None:
    """Write the tables to docs/results.md, between their marks."""
    rows = read_rows()
    timed = json.loads(RATES.read_text(encoding="utf-8"))
    trained = [row for row in rows if "steps" in row]
    steps = sorted({row["steps"] for row in trained})
    devices = ", ".join(sorted({row["device"] for row in trained}))
    missing = [SYSTEMS[n].title for n in SYSTEMS if not any(row["job"].endswith(f"/{n}") for row in trained)]
    parts = [
        f"{' or '.join(map(str, steps))} steps of {BUDGET['batch_size']} patches of {BUDGET['lr_patch']}² LR pixels "
        f"each (on: {devices}); Mpx/s of output on {timed['device']}, as *auto* runs there."
    ]
    for kind in SETS:
        conditions = next(row["conditions"] for row in rows if row["job"].startswith(f"{kind}/"))
        parts.append(f"**{TITLES[kind]}** ({conditions})\n\n{table_of(kind, rows, timed['rates'])}")
    if missing:
        parts.append("Not trained for this budget yet: " + ", ".join(missing) + ".")
    parts.append(
        "¹ without the perceptual loss of its paper: VGG19's weights could not be fetched where it was trained."
    )
    head, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    RESULTS.write_text(f"{head}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{tail}", encoding="utf-8")


def time_all(data: Path, steps: int) -> None:
    """Measure how fast the networks are, one after the other, with nothing beside them."""
    from napari_sr.inference.device import choose, device_title
    from napari_sr.inference.timings import processor

    rates = {}
    for name in SYSTEMS:
        rates[name] = rate(config_of(f"EM/{name}", data, steps))
        print(f"{name}: {rates[name]:.2f} Mpx/s", flush=True)
    device = choose("auto").device
    title = f"{os.cpu_count()} cores of {processor()}" if device == "cpu" else f"one {device_title(device)}"
    RATES.write_text(json.dumps({"device": title, "rates": rates}) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "models/systems")
    parser.add_argument("--out", type=Path, default=HERE.parent / "runs/systems")
    parser.add_argument("--only", default="", help="names of jobs with commas between them")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare patches, for each")
    parser.add_argument("--steps", type=int, default=BUDGET["steps"], help="of each training")
    parser.add_argument("--seconds", type=float, default=0.0, help="no job is started after this time")
    parser.add_argument("--prepare", action="store_true", help="only write the images of the sets")
    parser.add_argument("--job", default="", help="train this one in this process")
    parser.add_argument("--time", action="store_true", help="only measure how fast the models are")
    parser.add_argument("--tables", action="store_true", help="only measure what is not trained, and write the tables")
    args = parser.parse_args()
    if args.prepare:
        prepare(args.data)
    elif args.job:
        print(json.dumps(run_job(args.job, args.data, args.out, workers=args.workers, steps=args.steps)))
    elif args.time:
        time_all(args.data, args.steps)
    elif args.tables:
        measure_baselines(args)
        write_tables()
    else:
        train_all(args)


if __name__ == "__main__":
    main()
