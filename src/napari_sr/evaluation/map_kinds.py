"""What each map can show, and what it cannot: said wherever it is."""

from __future__ import annotations

CONSISTENCY = (
    "Super-resolved, made low-resolution again, and taken from what was measured: where this is not zero, the picture "
    "is wrong. Where it is zero, it may still be wrong: many pictures have the same low-resolution image."
)
UNCERTAINTY = (
    "How much the picture changes when the image is turned and mirrored before the network sees it: where it does, the "
    "network is guessing. A network can also be wrong without hesitating."
)
HALLUCINATION = (
    "Detail that is not in the reference, patch by patch: it was made up, or the images do not lie over each other. "
    "Noise in the reference hides what is true."
)
