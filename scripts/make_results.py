"""Print the tables of docs/results.md, write them there, and put the figures on the models' cards.

    python scripts/make_results.py

Each table is what `napari-sr evaluate TEST -m MODEL …` prints for the same files.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from finish_models import PREFIXES, PRESETS, TESTS

from napari_sr import load_model
from napari_sr.data.folders import read_planes
from napari_sr.evaluation import evaluate_models
from napari_sr.metrics.naturalness import shipped_model
from napari_sr.model import Model, save
from napari_sr.store import model_paths

TARGET = Path(__file__).parents[1] / "docs" / "results.md"
INTERPOLATIONS = ("nearest", "bilinear", "lanczos")
MARK = "<!-- tables: everything below is written by `make results` -->"


def main() -> None:
    parts = []
    wanted = sys.argv[1:]  # EM, N-body, fluorescence; all if none is named
    for kind, tests in TESTS.items():
        if wanted and kind not in wanted:
            continue
        found = [n for n in model_paths() if n.startswith(f"{PREFIXES[kind]}-")]
        if not found:  # nothing ships for this kind
            continue
        trained = sorted(found, key=lambda n: ("wiener" not in n, n))
        scale = 2 if kind == "fluorescence" else 4
        names = [*(f"{name}-x{scale}" for name in INTERPOLATIONS), *trained]
        measured: dict[str, list[dict[str, object]]] = {name: [] for name in trained}
        runs = [(title, path, True) for title, path in tests.items()]
        # 16-bit cameras and averages keep what rounding to 8 bit loses
        runs += [(f"{title}, LR not rounded", path, False) for title, path in tests.items() if "test sections" in title]
        for title, path, rounded in runs:
            models = [load_model(n) for n in names]
            table = evaluate_models(
                models,
                read_planes(path),
                degradation=PRESETS[kind],
                rounded=rounded,
                density=kind == "N-body",
                naturalness=None if kind == "fluorescence" else shipped_model(kind),
            )
            parts.append(f"## {kind}: {title}\n\n{table.to_markdown()}\n")
            print(parts[-1], flush=True)
            rows = {row.name: {k: v for k, v in row.means.items() if v is not None} for row in table.rows}
            for name in trained:
                figures = {"model": rows[name], "bicubic": rows[f"bicubic-x{scale}"]}
                measured[name].append({"data": f"{title}; {table.conditions_line()}", **figures})
        for name in trained:
            model = load_model(name)
            card = replace(model.card, metrics=tuple(measured[name]))
            save(Model(network=model.network, card=card), model_paths()[name], half=True)
    head, _, old = TARGET.read_text(encoding="utf-8").partition(MARK)
    sections = ["## " + part for part in old.split("## ")[1:]]
    kept = [part for part in sections if wanted and not part.startswith(tuple(f"## {kind}:" for kind in wanted))]
    tables = sorted([*(part.rstrip() + "\n" for part in kept), *parts])
    TARGET.write_text(head + MARK + "\n\n" + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
