"""Fetching a file once, checked against its hash, with progress and cancel."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_sr.errors import Cancelled, DownloadError

TIMEOUT_SECONDS = 20
#: environment variable that moves the download cache
ENVIRONMENT = "NAPARI_SR_CACHE"


@dataclass(frozen=True)
class RemoteFile:
    """A file at a pinned public address and the hash it must have."""

    name: str
    url: str
    sha256: str


def cache_folder() -> Path:
    """Return the folder that downloads are kept in; ``NAPARI_SR_CACHE`` moves it."""
    moved = os.environ.get(ENVIRONMENT)
    return Path(moved) if moved else Path(platformdirs.user_cache_dir("napari-sr"))


class _Progress:
    """What pooch expects of a progress bar; raises when the user has cancelled."""

    def __init__(self, on_progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        self.total = 0
        self.done = 0
        self.on_progress, self.cancelled = on_progress, cancelled

    def update(self, size: int) -> None:
        if self.cancelled():
            raise Cancelled("The download was cancelled; nothing was kept.")
        self.done += size
        self.on_progress(self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def is_cached(file: RemoteFile) -> bool:
    """Return True if the file was fetched before."""
    return (cache_folder() / file.name).exists()


def fetch(
    file: RemoteFile,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the path of ``file`` in the cache, downloading it if it is not there.

    Parameters
    ----------
    file
        What to fetch.
    on_progress
        Called with (bytes done, bytes in all; 0 if the server does not say).
    cancelled
        Asked after every block.

    Raises
    ------
    DownloadError
        If there is no network, the server does not have the file, or it is not the expected one.
    Cancelled
        If ``cancelled`` returned True.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    host = file.url.split("/")[2]
    try:
        path = pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=cache_folder(),
            downloader=pooch.HTTPDownloader(progressbar=_Progress(on_progress, cancelled), timeout=TIMEOUT_SECONDS),
        )
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "?"
        raise DownloadError(
            f"{file.name} is no longer at {host} (the server answered {status}). "
            "Please report this; the EM phantom works without network."
        ) from None
    except (requests.ConnectionError, requests.Timeout) as error:
        reason = "took too long to answer" if isinstance(error, requests.Timeout) else "could not be reached"
        raise DownloadError(
            f"{host} {reason}, so {file.name} was not downloaded. Check the network connection; "
            "the EM phantom works without network."
        ) from None
    except ValueError:
        raise DownloadError(
            f"What {host} sent for {file.name} is not the expected file (its SHA-256 differs), so it was not kept. "
            "A proxy or log-in page may be in between."
        ) from None
    except OSError as error:
        raise DownloadError(f"{file.name} could not be saved in {cache_folder()}: {error}.") from None
    return Path(path)
