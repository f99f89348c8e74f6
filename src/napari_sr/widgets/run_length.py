"""How long a training will take here, measured as soon as its settings rest."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_sr.errors import SRError
from napari_sr.widgets.super_resolve import duration
from napari_sr.widgets.worker import Ended, Failed, Job, Stopped

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
        Runs something small in the background: ``ViewerWidget.start_side_job``.
    """

    def __init__(
        self, label: QLabel, *, config: Callable[[], TrainConfig | None], start_job: Callable[..., Job]
    ) -> None:
        self.label, self.config, self.start_job = label, config, start_job
        self._known: dict[tuple[Any, ...], float] = {}
        self._job: Job | None = None
        self._rest = QTimer(label)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._measure)

    @property
    def busy(self) -> bool:
        """True while steps are being done."""
        return self._job is not None

    def ask(self) -> None:
        """The settings have changed."""
        self._rest.start(REST)

    def stop(self) -> None:
        """Measure no more for now; takes effect at the next step."""
        self._rest.stop()
        if self._job is not None:
            self._job.cancel()

    def _measure(self) -> None:
        """Do a few steps in the background, unless it was done before."""
        if self._job is not None:
            self._job.cancel()
            self.ask()
            return
        try:
            config = self.config()
        except SRError as error:
            self.label.setText(str(error))
            return
        if config is None:
            return
        key = (config.recipe, config.start_from, config.scale, config.lr_patch, config.batch_size, config.precision)
        if key in self._known:
            self._tell(config, self._known[key])
            return
        self.label.setText("measuring how long it will take …")

        def measure() -> Generator[float | None, None, None]:
            from napari_sr.training.timing import seconds_per_step

            job = self._job
            yield seconds_per_step(config, should_stop=lambda: job is not None and job.cancelled)

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

    def _tell(self, config: TrainConfig, per_step: float) -> None:
        from napari_sr.training.timing import expected_seconds

        self.label.setText(f"about {duration(expected_seconds(config, per_step))} on this computer")
        self.label.setToolTip(f"{config.steps} steps, {per_step:.2g} s each, measured just now")
