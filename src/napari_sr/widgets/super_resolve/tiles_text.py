"""What is said of tiles that come while somebody looks around. Nothing here knows Qt."""

from __future__ import annotations

from napari_sr.inference.lazy.tile_worker import LOADING, MEASURING, Seen

FAR = "From this far the layer shows the image itself. Zoom in: tiles are computed where you look."
NOT_FLAT = "In 3-D the layer shows the image itself. Tiles are computed in 2-D, along rows and columns."
AWAY = "The layer is not in view. Press Home to see it again."


def tiles_text(seen: Seen) -> str:
    """Return a sentence on the tiles in view."""
    if not seen.wanted:
        return ""
    if seen.there == seen.wanted:
        return "The tile in view is there." if seen.wanted == 1 else f"All {seen.wanted} tiles in view are there."
    if seen.stage == LOADING:
        return "Loading the model …"
    if seen.stage == MEASURING:
        return "Measuring the whole plane first …"
    tiles = "tile" if seen.wanted == 1 else "tiles"
    return f"{seen.there} of {seen.wanted} {tiles} in view" + (" …" if seen.stage else ".")
