"""*Without a reference*: maps that ask a super-resolved layer whether it can be believed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_sr.errors import SRError
from napari_sr.evaluation.evidence import Evidence, Line, Uncertain
from napari_sr.evaluation.map_kinds import CONSISTENCY, MAP_KINDS, UNCERTAINTY
from napari_sr.widgets.base.messages import ERROR, message_label
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.compare.findings import MISFIT, Findings, misfit_line
from napari_sr.widgets.compare.provenance import Made, made_from
from napari_sr.widgets.controls.also_box import AlsoBox
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.layers.alignment import resampled_transform
from napari_sr.widgets.layers.maps import MapLayer, add_maps
from napari_sr.widgets.layers.places import view_region
from napari_sr.widgets.layers.snapshot import snapshot, spatial_factors

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard


class TrustSection(QWidget):
    """The choice of a layer, two buttons, and what the maps mean.

    Parameters
    ----------
    viewer
        The viewer.
    start_job, say, stopping
        Of the dock widget that holds this.
    """

    def __init__(
        self, viewer: Any, *, start_job: Callable[..., None], say: Callable[..., None], stopping: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.viewer, self._start, self._say, self._stopping = viewer, start_job, say, stopping
        self.cards: tuple[ModelCard, ...] = ()
        self.layer_box = LayerBox(viewer)
        self.layer_box.setToolTip("A super-resolved layer.")
        self.consistency_button = QPushButton("Consistency map")
        self.consistency_button.setToolTip(MAP_KINDS[CONSISTENCY].meaning)
        self.uncertainty_button = QPushButton("Uncertainty map")
        self.uncertainty_button.setToolTip(MAP_KINDS[UNCERTAINTY].meaning)
        self.view_box = QCheckBox("only what is in view")
        self.view_box.setToolTip("It takes eight runs for every model: much faster on a part.")
        self.view_box.setChecked(True)
        self.also_box = AlsoBox()
        self.blur_box = QDoubleSpinBox()
        self.blur_box.setRange(0, 2)
        self.blur_box.setSingleStep(0.05)
        self.blur_box.setSuffix(" px")
        self.blur_box.setSpecialValueText("estimated")
        self.blur_box.setToolTip(
            "How blurred the measured image is: standard deviation of everything that blurs it, optics and pixel size "
            "together, in its own pixels. The lowest value stands for what is estimated from the image."
        )
        self.verdict = Findings()
        self.meaning = message_label()
        form = form_of(("Picture", self.layer_box), ("Its blur", self.blur_box), ("Ask also", self.also_box))
        buttons = QHBoxLayout()
        buttons.addWidget(self.consistency_button, 1)
        buttons.addWidget(self.uncertainty_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.view_box)
        layout.addWidget(self.verdict)
        layout.addWidget(self.meaning)
        self.consistency_button.clicked.connect(self.consistency)
        self.uncertainty_button.clicked.connect(self.uncertainty)
        self.layer_box.layer_changed.connect(self._offer)

    def set_cards(self, cards: Sequence[ModelCard]) -> None:
        """Take the list of models: others of the picture's scale can be asked, too."""
        self.cards = tuple(cards)
        self._offer()

    def _offer(self) -> None:
        self.verdict.show_lines(())  # it was another layer's
        try:
            made = made_from(self.viewer, self.layer_box.layer())
        except SRError:  # not one of ours: pressing a button says so
            self.also_box.set_cards(())
            return
        known = (made.loaded_from[0], *(made.loaded_from[1] or ())[:1])
        fitting = [
            c for c in self.cards if c.scale == made.scale and c.kind == made.card["kind"] and c.name not in known
        ]
        self.also_box.set_cards(fitting)

    def set_running(self, running: bool) -> None:
        """Enable what can be pressed now."""
        for button in (self.consistency_button, self.uncertainty_button):
            button.setEnabled(not running)

    def consistency(self) -> None:
        """Degrade the picture again, and add what is left of the measured image."""
        made = self._made()
        if made is None:
            return
        data, blur = snapshot(made.sr).data, self.blur_box.value() or None
        self.meaning.setText(MAP_KINDS[CONSISTENCY].meaning)
        misfits: list[Line] = []

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.examine import iter_evidence, sharp_spectrum_of

            misfit = misfit_line(made.card, made.source, made.axes)
            misfits.extend([] if misfit is None else [misfit])
            yield from iter_evidence(
                data, made.measured(), axes=made.axes, scale=made.scale, card=made.card["degradation"], blur=blur,
                density=made.density, sharp=sharp_spectrum_of(made.card["training"]),
            )  # fmt: skip

        def show(found: Evidence) -> None:
            self.verdict.show_lines([*misfits, *found.lines(made.unit)])
            transform = resampled_transform(made.lr, spatial_factors(made.axes, 1), made.start)
            told = " ".join(x.text for x in misfits)
            self._add(CONSISTENCY, found.own.residual, transform, made, told, suffix=MISFIT if misfits else "")
            self._say(found.own.sentence(made.unit))

        self._run(work, Evidence, show)

    def uncertainty(self) -> None:
        """Super-resolve eight views, and add how much they differ."""
        made = self._made()
        if made is None:
            return
        try:
            (rows, columns), start = self._part(made)
        except SRError as error:
            self._say(str(error), ERROR)
            return
        self.meaning.setText(MAP_KINDS[UNCERTAINTY].meaning)

        others = self.also_box.names()

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.trust import iter_uncertainty
            from napari_sr.models.store import load_model

            models = [made.load(), *(load_model(name) for name in others)]
            yield from iter_uncertainty(
                made.source.data, models, axes=made.axes, rows=rows, columns=columns, conditions=made.conditions,
                should_stop=self._stopping,
            )  # fmt: skip

        def show(found: Uncertain) -> None:
            transform = resampled_transform(made.lr, spatial_factors(made.axes, made.scale), start)
            unit = "density" if made.density else "grey levels"
            self._add(UNCERTAINTY, found.deviation, transform, made, unit=unit)
            self._say(found.sentence(unit))

        self._run(work, Uncertain, show)

    def _made(self) -> Made | None:
        try:
            return made_from(self.viewer, self.layer_box.layer())
        except SRError as error:
            self._say(str(error), ERROR)
            return None

    def _part(self, made: Made) -> tuple[tuple[slice, slice], list[float]]:
        """Return rows and columns that are to be looked at, and the first pixel on every spatial axis."""
        spatial = [a for a in made.axes if a != "S"]
        start = [0.0] * len(spatial)
        if not self.view_box.isChecked():
            return (slice(None), slice(None)), start
        window = view_region(made.lr, self.viewer)
        for axis, part in (("Y", window.rows), ("X", window.columns)):
            start[spatial.index(axis)] = float(part.start)
        return (window.rows, window.columns), start

    def _run(self, work: Callable[[], Generator[Any, None, None]], kind: type, show: Callable[[Any], None]) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, kind):
                show(event)
            else:
                self._say(f"{event.stage or 'Super-resolving …'} {event.fraction:.0%}")

        self._start(work, on_event, keep=lambda event: isinstance(event, kind))

    def _add(
        self, kind: str, image: Any, transform: dict[str, Any], made: Made, meaning: str = "", *, suffix: str = "",
        unit: str = "",
    ) -> None:  # fmt: skip
        """Add a map over the picture, in place of an earlier one of its kind."""
        shown = image[..., :3].mean(axis=-1, dtype=np.float32) if made.axes.endswith("S") else image
        geometry = transform | {"axis_labels": made.lr.axis_labels, "units": made.lr.units}
        one = MapLayer(kind, shown, made.sr.name, made.sr.name, geometry, {"meaning": meaning}, suffix)
        add_maps(self.viewer, [one], group=f"{kind} of {made.sr.unique_id}", unit=unit or made.unit)
