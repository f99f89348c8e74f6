"""Blocks of a large result computed by the workers of dask.distributed: processes here, or machines anywhere.

dask does the work: it hands blocks out, and again when a worker is lost. A worker gets the model once, opens the image
itself if that is a file, and writes each block to the result, which all must reach under the same path. This process
writes the journal, so that such a run is gone on with as any other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from napari_sr.errors import ConfigError, SRError
from napari_sr.inference import openvino
from napari_sr.inference.backend import INSTALL, checked_backend
from napari_sr.inference.block_engine import BlockEngine, Counts
from napari_sr.inference.block_job import Job, Source, program
from napari_sr.inference.device import Prepared, Target, choose
from napari_sr.inference.sent import LOCK, SentModel
from napari_sr.inference.to_zarr import Step
from napari_sr.inference.upscaler import Upscaler
from napari_sr.models.model import Model

try:
    import dask
    import distributed
except ImportError:
    raise ConfigError("To work with several processes or machines: pip install 'napari-sr[distributed]'") from None

#: blocks that are handed out beyond those that are computed, a worker
AHEAD = 1
#: seconds without news after which a run gives a sign of life
SIGN = 1.0
#: seconds to wait for a scheduler's answer
KNOCK = 30
#: seconds to wait for the first worker
PATIENCE = 600
#: environment of processes that are started here: one thread each
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
#: times that a block is tried anew
RETRIES = 2


@dataclass(frozen=True)
class WorkersTarget(Target):
    """Device and precision of workers elsewhere."""

    name: str = ""

    @property
    def title(self) -> str:
        """For the result line."""
        return f"{self.name}, {self.precision}"


class Parcel:
    """What a worker gets once: the job, the model, and the image or how to open it."""

    def __init__(self, job: Job, image: Any, source: Source, upscaler: Upscaler) -> None:
        self.job, self.open, self.model = job, source.open, SentModel(upscaler)
        self.image = None if source.open is not None else image

    def engine(self, name: object) -> BlockEngine:
        """Return what computes blocks, on the device that belongs to a worker of this name."""
        upscaler = self.model.upscaler(device_of(self.model.target.device, name))
        return BlockEngine(self.job, self.image if self.open is None else self.open(), upscaler)


#: of this worker process: what it got, its name, and what was made of it; by the key of the run
_PARCELS: dict[str, tuple[Parcel, object]] = {}
_ENGINES: dict[str, BlockEngine] = {}
_NUMBERS = count()


class Delivery(distributed.WorkerPlugin):  # type: ignore[misc]
    """Brings a parcel to every worker, also to those that come later."""

    def __init__(self, key: str, parcel: Parcel) -> None:
        self.name, self.key, self.parcel = f"napari-sr-{key}", key, parcel

    def setup(self, worker: Any) -> None:
        """Keep the parcel; it is opened with the first block."""
        _PARCELS[self.key] = self.parcel, worker.name

    def teardown(self, worker: Any) -> None:
        """Forget it."""
        _PARCELS.pop(self.key, None)
        _ENGINES.pop(self.key, None)


def compute(key: str, number: int) -> tuple[Counts, list[str]]:
    """Compute and write a block on this worker; returns what was counted, and what became known."""
    with LOCK:
        if key not in _ENGINES:
            parcel, name = _PARCELS[key]
            _ENGINES[key] = parcel.engine(name)
        engine = _ENGINES[key]
        steps = engine.run(number)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                counts: Counts = end.value
                return counts, engine.notes


class Team:
    """The workers of one client, for any number of runs, one after the other."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def upscaler(
        self, model: Model, *, device: str, precision: str, tile: int | str, overlap: int | None, backend: str = "auto"
    ) -> Upscaler:
        """Return an upscaler that says what the workers will compute with; it computes nothing itself.

        Raises
        ------
        ConfigError
            If there are no workers, they have no napari-sr or another version, or do not all have one kind of device
            and precision.
        """
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
            found = self.client.run(able, device, precision)
        except TimeoutError:
            raise ConfigError(f"No worker came within {PATIENCE} seconds.") from None
        except ModuleNotFoundError as error:
            raise ConfigError(f"The workers do not have what is needed ({error}): install napari-sr there.") from None
        versions = {about[0] for about in found.values()}
        if versions != {program()}:
            raise ConfigError(f"The workers have napari-sr {', '.join(sorted(versions))}, and this is {program()}.")
        have_openvino = all(about[4] for about in found.values())
        if backend == "openvino" and not have_openvino:
            raise ConfigError(f"OpenVINO is not installed with all workers: {INSTALL} there.")
        targets = {about[1:3] for about in found.values()}
        if len(targets) > 1:
            said = "; ".join(sorted(f"{kind} in {precision}" for kind, precision in targets))
            raise ConfigError(
                f"The workers differ ({said}), and so would their blocks: choose --device and --precision."
            )
        kind, found_precision = targets.pop()
        titles = sorted({about[3] for about in found.values()})
        upscaler = Upscaler(model, device="cpu", precision="fp32", tile=tile, overlap=overlap)
        name = f"{len(found)} worker{'s' if len(found) > 1 else ''} ({', '.join(titles)})"
        target = WorkersTarget("cuda:0" if kind == "cuda" else kind, found_precision, name)
        upscaler.prepared = Prepared(model, target)
        upscaler.backend = checked_backend(backend if have_openvino else "torch", target.device)
        return upscaler

    def hire(self, job: Job, image: Any, source: Source, upscaler: Upscaler) -> Shift:
        """Return the workers of one run; for :func:`~napari_sr.inference.to_zarr.iter_upscale_to_zarr`."""
        return Shift(self.client, Parcel(job, image, source, upscaler))


class Shift:
    """The workers of one run."""

    def __init__(self, client: Any, parcel: Parcel) -> None:
        self.client, self.notes = client, list[str]()
        self.key = f"{client.id}-{next(_NUMBERS)}"
        self.plugin = Delivery(self.key, parcel)
        self._open: dict[Any, int] = {}
        client.register_plugin(self.plugin)

    def run(self, numbers: Iterable[int]) -> Iterator[Step | None]:
        """Have blocks computed; they come as they are done.

        Raises
        ------
        SRError
            If a block fails, workers are lost again and again, or the scheduler is.
        """
        left, room = iter(numbers), self._room()
        while True:
            for number in _next(left, room - len(self._open)):
                future = self.client.submit(
                    compute, self.key, number, key=f"{self.plugin.name}-{number}", pure=False, retries=RETRIES
                )
                self._open[future] = number
            if not self._open:
                return
            try:
                with self.client.as_current():
                    done = distributed.wait(list(self._open), timeout=SIGN, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                room = self._room()  # workers come and go
                yield None
                continue
            for future in done:
                number = self._open.pop(future)
                counts, notes = _result(future)
                self.notes += [n for n in notes if n not in self.notes]
                yield number, 1.0, counts

    def close(self) -> None:
        """Give up what is not done, and have the workers forget the model."""
        self.client.cancel(list(self._open), force=True)
        self._open.clear()
        self.client.unregister_worker_plugin(self.plugin.name)

    def _room(self) -> int:
        """Return how many blocks may be handed out at a time."""
        return (1 + AHEAD) * max(1, len(self.client.nthreads()))


def _next(numbers: Iterator[int], most: int) -> Generator[int, None, None]:
    for _ in range(most):
        number = next(numbers, None)
        if number is None:
            return
        yield number


def _result(future: Any) -> tuple[Counts, list[str]]:
    try:
        found: tuple[Counts, list[str]] = future.result()
    except distributed.KilledWorker as error:
        raise SRError(
            f"Workers were lost again and again while they computed one block ({error}). They may have too little "
            "memory. What is done is kept: run the same again."
        ) from None
    except distributed.CancelledError as error:
        raise SRError(
            f"The scheduler cannot be reached any more ({error}). What is done is kept: run the same again."
        ) from None
    future.release()  # dask would compute it again if its worker were lost
    return found


@contextmanager
def team(*, scheduler: str = "", workers: int = 0) -> Iterator[Team]:
    """Yield workers: those of a scheduler that runs, or so many processes of this machine, with one thread each.

    Parameters
    ----------
    scheduler
        Address of a scheduler, e.g. ``tcp://10.0.0.1:8786``, or path of a scheduler file.
    workers
        How many processes to start, if there is no scheduler.

    Raises
    ------
    ConfigError
        If no scheduler answers.
    """
    with ExitStack() as stack:
        if scheduler:
            is_file = Path(scheduler).is_file()
            where = {"scheduler_file": scheduler} if is_file else {"address": scheduler}
            try:
                client = stack.enter_context(distributed.Client(**where, timeout=KNOCK, set_as_default=False))
            except (OSError, ValueError) as error:
                raise ConfigError(f"No scheduler of dask answers at {scheduler} ({error}).") from None
        else:
            # dask has processes give memory back at once: tiles would be fetched from the system again and again
            stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": ALONE}))
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    memory_limit=None,
                )
            )
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        yield Team(client)


def able(device: str, precision: str) -> tuple[str, str, str, str, bool]:
    """Return version, kind of device, precision and name of the device of this worker, and if it has OpenVINO."""
    target = choose(device, precision)
    return (
        program(),
        target.device.split(":")[0],
        target.precision,
        target.title.rsplit(",", 1)[0],
        openvino.installed(),
    )


def device_of(device: str, name: object) -> str:
    """Return the device that belongs to a worker: of several GPUs of its machine, the one of its number."""
    import torch

    if not device.startswith("cuda"):
        return device
    digits = "".join(c for c in str(name).rpartition("-")[2] if c.isdigit())
    return f"cuda:{int(digits or 0) % max(1, torch.cuda.device_count())}"
