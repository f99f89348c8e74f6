"""Print the tables of docs/results.md and write them there.

    python scripts/make_results.py

Each table is what `napari-sr evaluate TEST -m MODEL …` prints for the same files.
"""

from __future__ import annotations

from pathlib import Path

from finish_models import TESTS

from napari_sr import load_model
from napari_sr.data.folders import read_planes
from napari_sr.evaluation import evaluate_models
from napari_sr.store import model_paths

TARGET = Path(__file__).parents[1] / "docs" / "results.md"
INTERPOLATIONS = ("nearest-x4", "bilinear-x4", "lanczos-x4")
MARK = "<!-- tables: everything below is written by `make results` -->"


def main() -> None:
    parts = []
    for kind, tests in TESTS.items():
        prefix = "nbody" if kind == "N-body" else "em"
        trained = sorted((n for n in model_paths() if n.startswith(prefix)), key=lambda n: ("wiener" not in n, n))
        names = [*INTERPOLATIONS, *trained]
        for title, path in tests.items():
            models = [load_model(n) for n in names]
            preset = "nbody" if kind == "N-body" else "em"
            table = evaluate_models(models, read_planes(path), degradation=preset, density=kind == "N-body")
            parts.append(f"## {kind}: {title}\n\n{table.to_markdown()}\n")
            print(parts[-1], flush=True)
    head = TARGET.read_text(encoding="utf-8").split(MARK)[0]
    TARGET.write_text(head + MARK + "\n\n" + "\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
