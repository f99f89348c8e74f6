"""What a person has set, kept from one day to the next: a small file of the user's."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import platformdirs

logger = logging.getLogger(__name__)


def settings_file() -> Path:
    """Return where it is kept: ``NAPARI_SR_SETTINGS``, or the user's folder for settings."""
    given = os.environ.get("NAPARI_SR_SETTINGS")
    return Path(given) if given else Path(platformdirs.user_config_dir("napari-sr")) / "docks.json"


def remembered(dock: str) -> dict[str, Any]:
    """Return what was kept for a dock; empty if nothing was, or the file cannot be read."""
    found = _all().get(dock)
    return found if isinstance(found, dict) else {}


def remember(dock: str, **values: Any) -> None:
    """Keep values for a dock; others that are kept for it stay. What cannot be written is not kept, and logged."""
    everything = _all()
    everything[dock] = {**(everything.get(dock) or {}), **values}
    path = settings_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(everything, indent=1), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        logger.warning("Settings could not be kept in %s (%s).", path, error)


def _all() -> dict[str, Any]:
    path = settings_file()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # nobody's work is in it
        logger.warning("Settings in %s could not be read (%s): they start anew.", path, error)
        return {}
    return found if isinstance(found, dict) else {}
