"""Lightning without the lines that nobody here can act upon."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: workers would be processes, which a viewer cannot start; frozen losses are in eval mode because they must be; the
#: others are between Lightning and torch
QUIET = (
    ".*does not have many workers",
    ".*in eval mode at the start",
    ".*LeafSpec",
    ".*have no `val_dataloader`",
    ".*Checkpoint directory .* exists",
    ".*GPU available but not used",  # the user said so
    r".*`lr_scheduler.step\(\)` before `optimizer.step\(\)`",  # mixed fp16 leaves out first steps that overflow
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hardware lines, tips, and advice that cannot be followed inside a viewer."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in QUIET:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
