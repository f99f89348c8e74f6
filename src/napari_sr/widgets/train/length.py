"""How long a training will take here, measured as soon as its settings rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_sr.errors import SRError
from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped

if TYPE_CHECKING:
    from napari_sr.training import TrainConfig

#: milliseconds without a change after which it is measured
REST = 300


class RunLength:
    """Says in a label how long a run will take: a first figure as soon as a step is done, then a better one.

    Parameters
    ----------
    label
        Where it is said.
    config
        Returns the settings as they are now; raises :class:`SRError` if they are not possible. None if nothing shall
        be measured now.
    start_job
        Runs something small in the background: ``Dock.start_side_job``.
    on_measured
        Called with the seconds a step takes, before they are said: it may choose another number of steps.
    """

    def __init__(
        self,
        label: QLabel,
        *,
        config: Callable[[], TrainConfig | None],
        start_job: Callable[..., Job],
        on_measured: Callable[[float], None],
    ) -> None:
        self.label, self.config, self.start_job, self.on_measured = label, config, start_job, on_measured
        self._known: dict[str, float] = {}
        self.job: Job | None = None
        self._stopped = threading.Event()
        self._rest = QTimer(label)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._measure)

    @property
    def busy(self) -> bool:
        """True while steps are being done."""
        return self.job is not None

    def ask(self) -> None:
        """The settings have changed."""
        self.label.setText("")  # what it says is of the settings before
        self._rest.start(REST)

    def stop(self) -> None:
        """Measure no more for now; takes effect at the next step."""
        self._rest.stop()
        self._stopped.set()

    def _now(self) -> TrainConfig | None:
        try:
            return self.config()
        except SRError as error:
            self.label.setText(str(error))
            return None

    def _measure(self) -> None:
        """Do a few steps in the background, unless it was done before."""
        if self.job is not None:
            self._stopped.set()
            self.ask()
            return
        config = self._now()
        if config is None:
            return
        key = _key(config)
        if key in self._known:
            self._tell(self._known[key])
            return
        self.label.setText("measuring how long it will take …")
        stopped = self._stopped = threading.Event()

        def measure() -> Generator[float, None, None]:
            from napari_sr.training.callbacks import iter_callbacks
            from napari_sr.training.timing import seconds_per_step

            def steps(on_event: Callable[[Any], None]) -> float | None:
                return seconds_per_step(config, should_stop=stopped.is_set, on_estimate=on_event)

            last = yield from iter_callbacks(steps)
            if last is not None and not stopped.is_set():
                yield last

        def show(per_step: float) -> None:
            if not stopped.is_set():
                self._known[key] = per_step
                self._tell(per_step)

        def end(how: Failed | Stopped | Ended) -> None:
            self.job = None
            if isinstance(how, Failed):
                self.label.setText(how.message)
            elif key not in self._known:
                self.label.setText("")

        self.job = self.start_job(measure, show, end)

    def abandon(self) -> None:
        """Measure no more: the label will be gone."""
        self.stop()
        self.job = None

    def _tell(self, per_step: float) -> None:
        from napari_sr.training.timing import expected_seconds

        self.on_measured(per_step)
        config = self._now()
        if config is not None:
            length = duration(expected_seconds(config, per_step))
            self.label.setText(f"{config.steps} steps, about {length} on this computer")
            self.label.setToolTip(f"{per_step:.2g} s a step, measured just now")


def _key(config: TrainConfig) -> str:
    """Return all that a step's duration depends on."""
    values = config.to_dict()
    for name in (
        "name", "train", "validation", "steps", "validate_every", "seed", "card", "patience", "learning_rate", "rotate",
        "flip", "validation_share",
    ):  # fmt: skip
        del values[name]
    if values["adversarial"] is not None:
        del values["adversarial"]["pixel_steps"]  # which follows the steps
    return str(values)
