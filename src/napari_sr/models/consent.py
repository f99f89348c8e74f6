"""Which models may run the program code that they hold: those that the user has allowed, by the hash of their weights.

A model's own card cannot say it: whoever made the file wrote that.
"""

from __future__ import annotations

import json
from pathlib import Path

from napari_sr.errors import ModelError
from napari_sr.models.model import read_card

FILE = "allowed-code.json"


def allow(folder: Path, weights_sha256: str) -> None:
    """Remember that a model may run its code."""
    known = sorted({*_known(folder), weights_sha256})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(known, indent=1), encoding="utf-8")


def is_allowed(folder: Path, path: Path) -> bool:
    """Return True if the model in ``path`` may run its code. Loading checks that its weights have the card's hash."""
    known = _known(folder)
    try:
        return bool(known) and read_card(path).weights_sha256 in known
    except ModelError:
        return False  # loading says what is wrong with it


def _known(folder: Path) -> list[str]:
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(one) for one in content] if isinstance(content, list) else []
