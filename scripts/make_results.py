"""Print the tables of docs/results.md, write them there, and put the figures on the models' cards.

    python scripts/make_results.py

Each table is what `napari-sr evaluate TEST -m MODEL …` prints for the same files.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from finish_models import COMMON, HERE, PREFIXES, PRESETS, TESTS, wiener

from napari_sr import load_model
from napari_sr.evaluation import evaluate_models
from napari_sr.images.listing import read_planes
from napari_sr.metrics.naturalness import shipped_model
from napari_sr.models.fit import is_told
from napari_sr.models.model import Model, load, save
from napari_sr.models.store import model_paths

TARGET = Path(__file__).parents[1] / "docs" / "results.md"
#: trained to be measured, not to ship: `napari-sr train scripts/models/NAME.1.yaml -o scripts/models/runs/NAME`
RUNS = HERE / "runs"
UNSHIPPED = {"EM": ("em-wgan-50-x4",), "ssTEM": ("sstem-wgan-pixel-x4",)}
#: kinds of image that statistics of sharp ones ship for
NATURAL = ("EM", "N-body")
#: measured pairs: kind of their models, title, HR and LR; every eighth of the slices
PAIRS = {
    "N-body pairs": (
        "N-body",
        {
            f"LR another simulation with 64 times fewer particles, box of {size} Mpc/h (6 × 256²)": (
                HERE / f"nbody/pairs/hr/test/mpc{size}.npz",
                HERE / f"nbody/pairs/lr/test/mpc{size}.npz",
            )
            for size in (75, 200, 750)
        },
    )
}
INTERPOLATIONS = ("nearest", "bilinear", "lanczos")
MARK = "<!-- tables: everything below is written by `make results` -->"


def models_of(kind: str) -> tuple[list[str], list[Model]]:
    """Return the names of the shipped models of a kind of image, and those that are measured without being shipped."""
    # what is told blur and noise is measured over many of them, by measure_cells.py
    found = [
        n for n in model_paths()
        if n.startswith(f"{PREFIXES[kind]}-") and not is_told(load_model(n).card) and load_model(n).card.degradation
    ]  # fmt: skip
    unshipped = []
    for name in UNSHIPPED.get(kind, ()):
        path = RUNS / name / f"{name}.safetensors"
        if path.exists():
            unshipped.append(load(path))
        else:
            print(f"{name} has not been trained here ({path} is missing): its row is left out.")
    if kind == "ssTEM":  # what deconvolution alone can do with these images
        unshipped.insert(0, wiener("sstem-wiener-x4", HERE / "sstem-wgan-pixel-x4.1.yaml"))
    return sorted(found, key=lambda n: ("wiener" not in n, n)), unshipped


def measure_pairs(kind: str) -> list[str]:
    """Measure the models that were trained on measured pairs, beside others of their kind; returns the sections."""
    model_kind, tests = PAIRS[kind]
    every = [n for n in model_paths() if n.startswith(f"{PREFIXES[model_kind]}-")]
    own = [n for n in every if not load_model(n).card.degradation]
    models = [load_model(n) for n in (*(f"{name}-x4" for name in INTERPOLATIONS), *every)]
    parts: list[str] = []
    measured: dict[str, list[dict[str, object]]] = {name: [] for name in own}
    for title, (hr, lr) in tests.items():
        table = evaluate_models(
            models, read_planes(hr)[4::8], lr_images=read_planes(lr)[4::8], density=True,
            naturalness=shipped_model(model_kind),
        )  # fmt: skip
        parts.append(f"## {kind}: {title}\n\n{table.to_markdown()}\n")
        print(parts[-1], flush=True)
        rows = {row.name: {k: v for k, v in row.means.items() if v is not None} for row in table.rows}
        for name in own:
            figures = {"model": rows[name], "bicubic": rows["bicubic-x4"]}
            measured[name].append({"data": f"{title}; {table.conditions_line()}", **figures})
    for name in own:
        model = load_model(name)
        card = replace(model.card, metrics=tuple(measured[name]))
        save(Model(network=model.network, card=card), model_paths()[name], half=True)
    return parts


def main() -> None:
    parts = []
    wanted = sys.argv[1:]  # EM, ssTEM, N-body, fluorescence, N-body pairs; all if none is named
    for kind, tests in TESTS.items():
        if wanted and kind not in wanted:
            continue
        shipped, unshipped = models_of(kind)
        if not shipped:  # nothing ships for this kind
            continue
        scale = 2 if kind == "fluorescence" else 4
        models = [load_model(n) for n in (*(f"{name}-x{scale}" for name in INTERPOLATIONS), *shipped)] + unshipped
        measured: dict[str, list[dict[str, object]]] = {name: [] for name in shipped}
        runs = [(title, path, True) for title, path in tests.items()]
        # 16-bit cameras and averages keep what rounding to 8 bit loses
        runs += [(f"{title}, LR not rounded", path, False) for title, path in tests.items() if "test sections" in title]
        for title, path, rounded in runs:
            table = evaluate_models(
                models,
                read_planes(path),
                degradation=PRESETS[kind],
                rounded=rounded,
                density=kind == "N-body",
                naturalness=shipped_model(kind) if kind in NATURAL else None,
            )
            parts.append(f"## {kind}: {title}\n\n{table.to_markdown()}\n")
            print(parts[-1], flush=True)
            rows = {row.name: {k: v for k, v in row.means.items() if v is not None} for row in table.rows}
            for name in shipped:
                figures = {"model": rows[name], "bicubic": rows[f"bicubic-x{scale}"]}
                measured[name].append({"data": f"{title}; {table.conditions_line()}", **figures})
        for name in shipped if kind in COMMON else ():  # no model was made for the others
            model = load_model(name)
            card = replace(model.card, metrics=tuple(measured[name]))
            save(Model(network=model.network, card=card), model_paths()[name], half=True)
    for kind in PAIRS:
        if not wanted or kind in wanted:
            parts += measure_pairs(kind)
    head, _, old = TARGET.read_text(encoding="utf-8").partition(MARK)
    sections = ["## " + part for part in old.split("## ")[1:]]
    kept = [part for part in sections if wanted and not part.startswith(tuple(f"## {kind}:" for kind in wanted))]
    order = [f"## {kind}:" for kind in (*TESTS, *PAIRS)]
    tables = sorted(
        [*(part.rstrip() + "\n" for part in kept), *parts],
        key=lambda part: (next(i for i, title in enumerate(order) if part.startswith(title)), part),
    )
    TARGET.write_text(head + MARK + "\n\n" + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
