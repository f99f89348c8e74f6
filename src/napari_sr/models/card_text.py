"""A model card in words: the same sections for the window and the shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_sr.models.model import ModelCard
from napari_sr.networks import NETWORKS

#: heading and rows of (name, text); a row without a name is a sentence
Section = tuple[str, list[tuple[str, str]]]
FIGURES = {
    "psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.3f}", "ms_ssim": "MS-SSIM {:.3f}",
    "spectrum_score": "spectrum score {:.3f}",
}  # fmt: skip


def card_sections(card: ModelCard) -> list[Section]:
    """Return what a card says: what the model is for first, how it was made after that."""
    size = "–".join(f"{s:g}" for s in card.pixel_size)
    about = [
        ("Upscales", f"×{card.scale} along each axis"),
        ("For", {"any": "any image"}.get(card.kind, card.kind)),
        ("LR pixels", f"{size} {card.pixel_unit}" if size else ""),
        ("Network", NETWORKS.entry(card.network).title),
        ("Licence", card.licence),
        ("Training data", card.attribution),
        ("Method", card.citation),
    ]
    sections = [("", [("", card.description), *about])]
    if card.source:
        rows = [("Made from", card.source.get("file", "")), ("Its SHA-256", card.source.get("sha256", ""))]
        sections.append(("Where it comes from", rows))
    if card.metrics:
        rows = []
        for entry in card.metrics:
            rows += [("", str(entry["data"])), ("this model", figures(entry["model"]))]
            rows.append(("bicubic", figures(entry["bicubic"])))
            if "start" in entry:
                rows.append((f"before: {entry['start']['name']}", figures(entry["start"])))
        sections.append(("Measured, beside bicubic interpolation", rows))
    if card.training:
        sections.append(("How it was trained", _training(card)))
    return [(title, [(name, text) for name, text in rows if text]) for title, rows in sections]


def figures(values: Mapping[str, Any]) -> str:
    """Return figures in words, those that were measured."""
    return ", ".join(text.format(values[k]) for k, text in FIGURES.items() if values.get(k) is not None)


def _training(card: ModelCard) -> list[tuple[str, str]]:
    training = card.training
    runs = [*training.get("earlier", []), training]
    rows = [("LR images by", card.degradation), ("Images", f"{training['images']}" if "images" in training else "")]
    for number, run in enumerate(runs, start=1):
        rows.append((f"Run {number}" if len(runs) > 1 else "Run", _run(run)))
    rows.append(("Made with", ", ".join(f"{k} {training[k]}" for k in ("napari_sr", "torch") if k in training)))
    return rows


def _run(run: Mapping[str, Any]) -> str:
    parts = [f"{run['steps']} steps"] if run.get("steps", 1) > 1 else []
    if "lr_patch" in run:
        number = run.get("batch_size", 1)
        parts.append(f"{number} {'patch' if number == 1 else 'patches'} of {run['lr_patch']}² LR pixels a step")
    parts += [f"loss {run['loss']}"] if "loss" in run else []
    parts += [f"{run['optimizer']}, learning rate {run['learning_rate']:g}"] if "learning_rate" in run else []
    parts += [f"seed {run['seed']}"] if "seed" in run else []
    parts += [f"{run['minutes']:g} min"] if "minutes" in run else []
    return ", ".join(parts)
