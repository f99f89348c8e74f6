"""Errors that a user may see: each message says what is wrong, where, and what to do.

None of them is a ``RuntimeError``: superqt's ``GeneratorWorker``, which napari uses for its thread
workers, drops that class without a trace.
"""

from __future__ import annotations


class SRError(Exception):
    """Base of every error that napari-sr raises on purpose."""


class ModelError(SRError):
    """A model file or name that cannot be used."""


class CodeRefused(ModelError):
    """A model file that holds program code; it can be opened if the user allows that.

    Parameters
    ----------
    message
        What is said.
    others
        Why it cannot be opened without its code, where there would be a way; empty if there is none.
    """

    def __init__(self, message: str, others: str = "") -> None:
        super().__init__(message)
        self.others = others


class ImageError(SRError):
    """An image that cannot be read, written or super-resolved."""


class MemoryLimitError(SRError):
    """The device has too little memory even for the smallest tile."""


class DownloadError(SRError):
    """A sample or model could not be fetched, or is not the file that was expected."""


class ConfigError(SRError):
    """A setting that does not make sense; the message names the field."""


class TrainingError(SRError):
    """Training cannot start or go on."""


class Cancelled(SRError):
    """The user asked to stop; nothing of the result was kept."""
