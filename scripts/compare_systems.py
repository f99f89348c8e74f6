"""Train every system of the sources for the same budget, measure them, and write the table to docs/results.md.

    python scripts/compare_systems.py --prepare           # the sets, from scripts/models/data and scripts/models/nbody
    python scripts/compare_systems.py                     # train what is missing; --only EM/rcan --jobs 1 for some
    python scripts/compare_systems.py --time              # how fast they are, with nothing beside them
    python scripts/compare_systems.py --tables            # measure what is not trained, and write the tables

What was measured stands in scripts/systems.jsonl: the models themselves are not kept. Its rows of an H200 have the
digits that the table had: the files they came from are lost. Of other images a row is refused by its bicubic.

Budget: 20 TFLOP of arithmetic (scripts/source_systems.py), in steps of 4 patches of 24² LR pixels, ×4, in mixed
precision (bf16) where the device is fast at it; Adam with one cycle; L1, and the critic from half of the run on for
those that have one. Nothing is tuned for any of them but the learning rate, which is its paper's. VGG19's weights need
a download of 548 MB: where they are missing, the perceptual losses of SRGAN, ESRGAN and ESRGAN+ are left out, and the
table says so. An earlier budget, 1500 steps of 8 patches of 32² whatever they cost, is a column of the table for those
that were trained for it.

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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from source_systems import (
    BASELINES,
    MOST_STEPS,
    PATCHES,
    PLAIN,
    SETS,
    SINGAN,
    SINGAN_SIDE,
    SYSTEMS,
    TFLOP,
    TITLES,
    config_of,
    jobs_of,
    singan_config,
)

HERE = Path(__file__).parent
RESULTS, ROWS, RATES = HERE.parent / "docs/results.md", HERE / "systems.jsonl", HERE / "systems-rates.json"
BEGIN, END = "<!-- systems: written by scripts/compare_systems.py -->", "<!-- end of systems -->"
#: dB by which bicubic may differ between rows of one set: they have two digits
SAME_IMAGES = 0.01
#: a rate is timed on so many LR pixels a side as make a run of so many operations; so often, unless it takes seconds
SMALLEST, LARGEST, A_RUN, RUNS, LONG = 48, 512, 3e11, 3, 20.0


def run_job(job: str, data: Path, out: Path, *, workers: int) -> dict[str, Any]:
    """Train and measure one system; returns the row of the table."""
    from napari_sr.models.model import load
    from napari_sr.training import fit

    kind, name = job.split("/")
    one = name == SINGAN
    config = singan_config(kind, one_lr_image(kind, data, out), data) if one else config_of(job, data)
    folder = out / "runs" / config.name
    start = time.monotonic()
    path = fit(config, folder, resume=(folder / "last.ckpt").exists(), workers=workers)
    minutes = (time.monotonic() - start) / 60
    model = load(path)
    row = measure(model, kind, data, one=one)
    return {
        "job": job, **({} if one else {"tflop": TFLOP}), "steps": config.steps,
        "parameters": model.network.parameter_count(),
        "minutes": minutes, "trained_minutes": model.card.training["minutes"],
        "device": model.card.training["device"], **row,
    }  # fmt: skip


def one_lr_image(kind: str, data: Path, out: Path) -> Path:
    """Write the LR image of a part of the first test image of a set."""
    import numpy as np

    from napari_sr.degradations import degrade
    from napari_sr.images.listing import read_planes

    (hr,) = one_image(read_planes(data / ("em" if kind == "EM" else "nbody/hr") / "test.npz"))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"one-{kind}.npy"
    np.save(path, degrade(hr, "em" if kind == "EM" else "nbody", 4).astype(hr.dtype))
    return path


def one_image(planes: list[Any]) -> list[Any]:
    """Return a part of the first of the test images."""
    return [planes[0][:SINGAN_SIDE, :SINGAN_SIDE]]


def measure(model: Any, kind: str, data: Path, *, one: bool = False) -> dict[str, Any]:
    """Return the figures of a model, and of bicubic, on the test images of a set, or on a part of the first."""
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
    targets = one_image(targets) if one else targets
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


def rate(model: Any) -> float:
    """Return output Mpx/s of a model on one image, the best of three runs, of one that takes long of one."""
    import numpy as np

    from napari_sr.inference import Upscaler

    upscaler = Upscaler(model)
    side = side_of(model.network)
    image = np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)
    upscaler(image)
    times: list[float] = []
    while not times or (len(times) < RUNS and sum(times) < LONG):
        start = time.perf_counter()
        sr = upscaler(image)
        times.append(time.perf_counter() - start)
    return float(np.asarray(sr).size / min(times) / 1e6)


def side_of(network: Any) -> int:
    """Return the side of the LR image that a network is timed on: smaller where a run would be more than 0.3 TFLOP."""
    import copy

    from napari_sr.networks.cost import flops_per_pixel

    flop = flops_per_pixel(copy.deepcopy(network).to("meta")) * network.scale**2
    return int(min(LARGEST, max(SMALLEST, (A_RUN / flop) ** 0.5 // 8 * 8))) if flop else LARGEST


def model_of(config: Any) -> Any:
    """Return a model of a system; for its rate, its weights do not matter."""
    from napari_sr.models.model import Model, ModelCard
    from napari_sr.networks import create_network

    network = create_network(config.network, scale=config.scale, **dict(config.hyper_parameters))
    card = ModelCard(
        name=config.name, network=config.network, hyper_parameters=network.hyper_parameters, scale=config.scale,
        intensity=dict(config.intensity),
    )  # fmt: skip
    return Model(network=network.eval(), card=card)


def train_all(args: argparse.Namespace) -> None:
    """Run every job that is missing in a process of its own, some at a time, until the time is over."""
    args.out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    done = {row["job"] for row in read_rows() if is_done(row)}

    def one(job: str) -> None:
        if args.seconds and time.monotonic() - begin > args.seconds:
            print(f"{job}: no time left", flush=True)
            return
        command = [sys.executable, __file__, "--job", job, "--data", str(args.data), "--out", str(args.out)]
        command += ["--workers", str(args.workers)]
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


def is_done(row: dict[str, Any]) -> bool:
    """Return True for what was trained for this budget, and for SinGAN, which has its own."""
    return bool(row.get("tflop") == TFLOP or row["job"].endswith(f"/{SINGAN}"))


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
    of_kind = [row for row in rows if row["job"].startswith(f"{kind}/") and not row["job"].endswith(f"/{SINGAN}")]
    longer = {row["job"]: row["model"]["psnr"] for row in of_kind if "steps" in row and "tflop" not in row}
    heads = [*columns.values(), "weights", "steps", *(["PSNR, longer ² [dB]"] if longer else [])]
    heads += [] if density else ["Mpx/s"]  # timed with the intensities of EM

    def timed(name: str) -> list[str]:
        return [] if density else [f"{rates[name]:.2g}" if name in rates else ""]

    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    bicubic = of_kind[0]["bicubic"]
    nothing = [""] * (len(heads) - len(columns) - (not density))
    lines.append(_line("bicubic", bicubic, columns, digits, [*nothing, *timed("bicubic-x4")]))
    for row in sorted(of_kind, key=lambda row: row["model"]["psnr"]):
        if abs(row["bicubic"]["psnr"] - bicubic["psnr"]) > SAME_IMAGES:
            raise SystemExit(f"{row['job']} was measured on other images: bicubic has {row['bicubic']['psnr']:.2f} dB.")
        if "steps" in row and row.get("tflop") != TFLOP:
            continue  # of another budget
        name = row["job"].split("/", maxsplit=1)[1]
        title = SYSTEMS[name].title if name in SYSTEMS else name.removesuffix("-x4") if name in PLAIN else name
        others = [f"{row['parameters']:,}".replace(",", " ") if row["parameters"] else "", str(row.get("steps", ""))]
        if longer:
            others.append(f"{longer[row['job']]:.2f}" if row["job"] in longer else "")
        lines.append(_line(title, row["model"], columns, digits, [*others, *timed(name)]))
    return "\n".join(lines)


def _line(
    title: str, values: dict[str, Any], columns: dict[str, str], digits: dict[str, int], others: list[str]
) -> str:
    cells = ["–" if values.get(c) is None else f"{values[c]:.{digits.get(c, 3)}f}" for c in columns]
    return f"| {title} | " + " | ".join([*cells, *others]) + " |"


def write_tables() -> None:
    """Write the tables to docs/results.md, between their marks."""
    rows = read_rows()
    timed = json.loads(RATES.read_text(encoding="utf-8"))
    trained = [row for row in rows if row.get("tflop") == TFLOP]
    devices = ", ".join(sorted({row["device"] for row in trained}))
    done = {row["job"] for row in rows if is_done(row)}
    missing = [job for job in jobs_of("") if job not in done]
    parts = [
        f"{TFLOP:.0f} TFLOP each, at most {MOST_STEPS} steps, of {PATCHES['batch_size']} patches of "
        f"{PATCHES['lr_patch']}² LR pixels (on: {devices}); Mpx/s of output on {timed['device']}, as *auto* runs "
        f"there, of {LARGEST}² LR pixels, or of as few as make {A_RUN / 1e12:.1g} TFLOP, "
        "each the best of a few runs; from one time to the next, they differ by up to 15 %."
    ]
    for kind in SETS:
        conditions = next(row["conditions"] for row in rows if row["job"].startswith(f"{kind}/"))
        parts.append(f"**{TITLES[kind]}** ({conditions})\n\n{table_of(kind, rows, timed['rates'])}")
        for row in (row for row in rows if row["job"] == f"{kind}/{SINGAN}"):
            both = [
                " dB PSNR, ".join((f"{v['psnr']:.2f}", f"SSIM {v['ssim']:.3f}")) for v in (row["model"], row["bicubic"])
            ]
            parts.append(
                f"SinGAN learns one image, so that it is not in the table: from the LR image of {SINGAN_SIDE}² pixels "
                f"of the first alone, in {row['steps']} steps (its paper has ten times as many), it makes {both[0]}; "
                f"bicubic {both[1]} there."
            )
    if missing:
        parts.append("Not trained for this budget yet: " + ", ".join(missing) + ".")
    parts.append(
        "¹ without the perceptual loss of its paper: VGG19's weights could not be fetched where it was trained.\n"
        "² 1500 steps of 8 patches of 32² LR pixels, whatever they cost, for those that were trained so."
    )
    head, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    RESULTS.write_text(f"{head}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{tail}", encoding="utf-8")


def time_all(data: Path) -> None:
    """Measure how fast the networks are, one after the other, with nothing beside them."""
    from napari_sr.inference.device import choose, cpu_has_fast_bf16, device_title
    from napari_sr.inference.timings import processor
    from napari_sr.models.store import load_model

    rates: dict[str, float] = {}
    known: dict[str, float] = {}  # of the generator, which several systems share
    for name in SYSTEMS:
        model = model_of(config_of(f"EM/{name}", data, 1))
        key = json.dumps([model.card.network, dict(model.card.hyper_parameters), model.card.intensity], sort_keys=True)
        if key not in known:
            known[key] = rate(model)
        rates[name] = known[key]
        print(f"{name}: {rates[name]:.3g} Mpx/s", flush=True)
    for name in ("bicubic-x4", *BASELINES["EM"]):
        rates[name] = rate(load_model(name))
        print(f"{name}: {rates[name]:.3g} Mpx/s", flush=True)
    device = choose("auto").device
    fast = "with" if cpu_has_fast_bf16() else "without"
    here = f"{os.cpu_count()} threads of a processor ({processor()}) {fast} fast bfloat16"
    title = here if device == "cpu" else f"one {device_title(device)}"
    RATES.write_text(json.dumps({"device": title, "rates": rates}) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "models/systems")
    parser.add_argument("--out", type=Path, default=HERE.parent / "runs/systems")
    parser.add_argument("--only", default="", help="names of jobs with commas between them")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare patches, for each")
    parser.add_argument("--seconds", type=float, default=0.0, help="no job is started after this time")
    parser.add_argument("--prepare", action="store_true", help="only write the images of the sets")
    parser.add_argument("--job", default="", help="train this one in this process")
    parser.add_argument("--time", action="store_true", help="only measure how fast the models are")
    parser.add_argument("--tables", action="store_true", help="only measure what is not trained, and write the tables")
    args = parser.parse_args()
    if args.prepare:
        prepare(args.data)
    elif args.job:
        print(json.dumps(run_job(args.job, args.data, args.out, workers=args.workers)))
    elif args.time:
        time_all(args.data)
    elif args.tables:
        measure_baselines(args)
        write_tables()
    else:
        train_all(args)


if __name__ == "__main__":
    main()
