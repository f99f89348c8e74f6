"""Model files that are written anew with another card, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_sr.errors import ModelError
from napari_sr.models.model import HEADER_KEY, ModelCard
from napari_sr.models.whole_file import beside
from napari_sr.paths import reason


def rewrite(source: Path, card: ModelCard, target: Path) -> None:
    """Write the weights in ``source`` as they are, with another card, to ``target``: whole or not at all."""
    try:
        with safe_open(source, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with beside(target) as part:
            save_file(state, part, metadata={HEADER_KEY: card.to_json()})
    except (OSError, SafetensorError) as error:  # of a full disk, safetensors raises its own
        raise ModelError(f"The model could not be written to {target}: {reason(error)}.") from None
