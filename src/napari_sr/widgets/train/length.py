"""How long a training will take here, measured as soon as its settings rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_sr.errors import SRError
from napari_sr.widgets.base.duration import duration
from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped

if TYPE_CHECKING:
    from napari_sr.training import TrainConfig

#: milliseconds without a change after which it is measured
REST = 800


class RunLength:
    """Says in a label how long a run will take.

    Parameters
    ----------
    label
        Where it is said.
    config
        Returns the settings as they are now; raises :class:`SRError` if they are not possible. None if nothing shall
        be measured now.
    start_job
        Runs something small in the background: ``Dock.start_side_job``.
    """

    def __init__(
        self, label: QLabel, *, config: Callable[[], TrainConfig | None], start_job: Callable[..., Job]
    ) -> None:
        self.label, self.config, self.start_job = label, config, start_job
        self._known: dict[str, float] = {}
        self._job: Job | None = None
        self._stopped = threading.Event()
        self._rest = QTimer(label)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._measure)

    @property
    def busy(self) -> bool:
        """True while steps are being done."""
        return self._job is not None

    def ask(self) -> None:
        """The settings have changed."""
        self.label.setText("")  # what it says is of the settings before
        self._rest.start(REST)

    def stop(self) -> None:
        """Measure no more for now; takes effect at the next step."""
        self._rest.stop()
        self._stopped.set()

    def _measure(self) -> None:
        """Do a few steps in the background, unless it was done before."""
        if self._job is not None:
            self._stopped.set()
            self.ask()
            return
        try:
            config = self.config()
        except SRError as error:
            self.label.setText(str(error))
            return
        if config is None:
            return
        key = _key(config)
        if key in self._known:
            self._tell(config, self._known[key])
            return
        self.label.setText("measuring how long it will take …")
        stopped = self._stopped = threading.Event()

        def measure() -> Generator[float | None, None, None]:
            from napari_sr.training.timing import seconds_per_step

            yield seconds_per_step(config, should_stop=stopped.is_set)

        def show(per_step: float | None) -> None:
            if per_step is not None:
                self._known[key] = per_step
                self._tell(config, per_step)

        def end(how: Failed | Stopped | Ended) -> None:
            self._job = None
            if isinstance(how, Failed):
                self.label.setText(how.message)
            elif key not in self._known:
                self.label.setText("")

        self._job = self.start_job(measure, show, end)

    def abandon(self) -> None:
        """Measure no more: the label will be gone."""
        self.stop()
        self._job = None

    def _tell(self, config: TrainConfig, per_step: float) -> None:
        from napari_sr.training.timing import expected_seconds

        self.label.setText(f"about {duration(expected_seconds(config, per_step))} on this computer")
        self.label.setToolTip(f"{config.steps} steps, {per_step:.2g} s each, measured just now")


def _key(config: TrainConfig) -> str:
    """Return all that a step's duration depends on."""
    values = config.to_dict()
    for name in ("name", "train", "validation", "steps", "validate_every", "seed", "card", "patience", "learning_rate"):
        del values[name]
    return str(values)
