"""The dock widget *Compare*."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes
from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
from napari_sr.evaluation.map_kinds import HALLUCINATED, unit_of
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.compare.folders import QualitySection
from napari_sr.widgets.compare.form import OWN_IMAGES, SHAPES, VIEW, CompareForm
from napari_sr.widgets.compare.see_buttons import HINT, SeeButtons
from napari_sr.widgets.compare.state import Choices, resolve
from napari_sr.widgets.compare.texts import made_up, shift_sentence
from napari_sr.widgets.compare.trust import TrustSection
from napari_sr.widgets.controls.reference_box import likely_reference
from napari_sr.widgets.layers.maps import is_map, remove_maps
from napari_sr.widgets.layers.parentage import is_source, no_truth
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.ranking.section import RankingSection

if TYPE_CHECKING:
    import napari

    from napari_sr.evaluation.comparison import Region
    from napari_sr.images.grid import GridImage
    from napari_sr.models.model import ModelCard

#: group of the maps of the last comparison
COMPARISON = "comparison"


class Compare(Dock):
    """Measure images against a reference, and show where they differ.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are offered.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, title="Compare", help_page="docs/trust.md")
        self.form = CompareForm(self.viewer)
        self._judged: Comparison | None = None
        self._asked: ComparisonRequest | None = None
        self._reference: Image | None = None  # of that comparison
        self._layers: dict[str, Image] = {}
        self._to_move: list[tuple[Image, tuple[float, float]]] = []
        self.form.reference_box.layer_changed.connect(self._on_reference)
        self.form.candidates.changed.connect(self.refresh)
        self.form.compare_button.clicked.connect(self.compare)
        self.form.niqe_box.activated.connect(self._on_niqe)
        self.form.cancel_button.clicked.connect(self.cancel)
        self.form.register_button.clicked.connect(self.register)
        self.form.copy_button.clicked.connect(self._copy)
        self.form.save_button.clicked.connect(self._choose_file)
        self.form.plots_button.clicked.connect(self.show_plots)
        self.form.report_button.clicked.connect(self._choose_report)
        self.form.clear_button.clicked.connect(self.clear)
        self.form.help_button.clicked.connect(self.open_handbook)
        self._plots: Any = None
        self._plots_dock: Any = None
        for box in (self.form.left_box, self.form.right_box):
            box.layer_changed.connect(self._on_pair)
        self.form.keys.setText(HINT)
        self.see = SeeButtons(
            self.viewer, pair=self._pair, reference=self.form.reference_box.layer, window=self,
            buttons={
                "swipe": self.form.swipe_button, "side": self.form.side_button, "magnifier": self.form.magnifier_button
            },
            say=self.say,
        )  # fmt: skip
        self.trust = TrustSection(self.viewer, start_job=self._start_with_bar, say=self.say, stopping=self.stopping)
        self.form.without_reference.addWidget(self.trust)
        self.ranking = RankingSection(
            images=self._ranked, shapes=self._ranked_shapes, start_job=self._start_with_bar, say=self.say
        )
        self.form.blind.addWidget(self.ranking)
        self.quality = QualitySection(self.viewer, start_job=self._start_with_bar, say=self.say, stopping=self.stopping)
        self.form.folders.addWidget(self.quality)
        self._chosen = False
        self.form.reference_box.activated.connect(self._on_choice)
        self.lay_out(self.form, self.form.footer)
        self.viewer.layers.events.inserted.connect(self._guess_reference)
        self.viewer.layers.events.removed.connect(self.refresh)
        self._guess_reference()
        self._on_reference()
        catalogue().changed.connect(self._load_models)
        self._load_models()

    def _load_models(self, name: str = "") -> None:
        """List the models in the background: importing torch takes seconds."""

        def look() -> Generator[list[ModelCard], None, None]:
            from napari_sr.models.store import list_models

            yield list_models()

        def found(cards: list[ModelCard]) -> None:
            self.trust.set_cards(cards)
            self.quality.set_cards(cards)

        self.start_side_job(look, found)

    def say(self, text: str, tone: str = "") -> None:
        """Say what came out, or how far it is."""
        self.form.status.say(text, tone)

    def refresh(self, event: Any = None) -> None:
        """Show what follows from what was chosen."""
        reference, candidates = self.form.reference_box.layer(), self.form.candidates.layers()
        layers = list(self.viewer.layers)
        choices = Choices(
            reference="" if reference is None else reference.name,
            candidates=len(candidates),
            has_source=any(is_source(x, layers) for x in layers),
            objections=() if reference is None else tuple(no_truth(reference, candidates, layers)),
            running=self.running,
            stopping=self.stopping(),
            compared=self._judged is not None,
            misplaced=len(self._to_move),
            maps=sum(is_map(x) and x.metadata[METADATA_KEY].get("group") == COMPARISON for x in layers),
        )
        self.form.show_state(resolve(choices))
        for part in (self.trust, self.ranking, self.quality):
            part.set_running(self.running)

    def _pair(self) -> tuple[Image, Image] | None:
        """Return the layers that are compared by eye."""
        left, right = self.form.left_box.layer(), self.form.right_box.layer()
        if left is None or right is None or left is right:
            self.say("Choose two different layers to compare by eye.", ERROR)
            return None
        return left, right

    def _on_pair(self) -> None:
        """Other layers were chosen: what shows the old ones is switched off."""
        for button in self.see.buttons.values():
            button.setChecked(False)

    def _on_choice(self) -> None:
        """The user chose the reference: it is not guessed any more."""
        self._chosen = True

    def _guess_reference(self, event: Any = None) -> None:
        likely = likely_reference(self.viewer)
        if likely is not None and not self._chosen:
            self.form.reference_box.select(likely)
        self._guess_pair()

    def _guess_pair(self) -> None:
        """Compare the newest result with what it was made of, unless two layers are chosen already."""
        candidates = self.form.candidates.layers()
        if self.form.left_box.layer() is self.form.right_box.layer() and len(candidates) > 1:
            self.form.left_box.select(candidates[-1])
            self.form.right_box.select(candidates[0])

    def _on_reference(self) -> None:
        layer = self.form.reference_box.layer()
        self.form.candidates.set_reference(layer)
        if layer is not self._reference:  # what was measured against another one moves nothing any more
            self._to_move = []
            self.form.warning.setText("")
        if layer is not None:
            self.form.density_box.setChecked(layer.metadata.get(METADATA_KEY, {}).get("kind") == "N-body")
        self.refresh()

    # -- a comparison -----------------------------------------------------------------------------

    def compare(self) -> None:
        """Measure the ticked layers in the background, then add the maps and fill the table."""
        reference = self.form.reference_box.layer()
        if reference is None or self.job is not None:
            return
        try:
            asked = self._request(reference)
        except SRError as error:
            self.say(str(error), ERROR)
            return
        self._to_move = []
        self.form.warning.setText("")
        self.say("Comparing …")

        natural = self.form.niqe_box.currentData()

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.compare import iter_comparison
            from napari_sr.evaluation.natural import natural_model

            model = None if natural is None else natural_model(natural, density=asked.density)
            yield from iter_comparison(replace(asked, naturalness=model))

        def show(event: Any) -> None:
            if isinstance(event, Comparison):
                self._show(asked, reference, event)
            else:
                self.form.bar.setValue(round(1000 * event.fraction))
                self.say(event.text)

        self.start_job(work, show, self._end, keep=lambda event: isinstance(event, Comparison))

    def _request(self, reference: Image) -> ComparisonRequest:
        """Return what is asked for; raises :class:`SRError` if it cannot be."""
        from napari_sr.metrics.learned import LEARNED
        from napari_sr.widgets.layers.places import check_units, grid_image

        chosen = self.form.candidates.layers()
        check_units(chosen, reference)
        self._layers = {layer.name: layer for layer in chosen}
        maps = ("ssim",) if self.form.ssim_box.isChecked() else ()
        if self.form.error_box.isChecked():
            maps = (*maps, str(self.form.kind_box.currentData()))
        if self.form.hallucination_box.isChecked():
            maps = (*maps, HALLUCINATED)
        return ComparisonRequest(
            reference=grid_image(reference, self.viewer),
            candidates=tuple(grid_image(layer, self.viewer) for layer in chosen),
            regions=self._regions(reference), data_range=self.form.range_box.value() or None,
            crop=self.form.crop_box.value(),
            match=self.form.match_box.isChecked(), density=self.form.density_box.isChecked(), maps=maps,
            learned=tuple(LEARNED) if self.form.iqa_box.isChecked() else (),
        )  # fmt: skip

    def _on_niqe(self) -> None:
        """Ask for the images that naturalness is fitted on."""
        if self.form.niqe_box.currentText() == OWN_IMAGES:
            chosen = QFileDialog.getExistingDirectory(self, "Sharp images of the same kind")
            if chosen:
                self.fit_niqe_on(Path(chosen))
            else:
                self.form.niqe_box.setCurrentIndex(0)

    def fit_niqe_on(self, folder: Path) -> None:
        """Measure naturalness by sharp images of the user's own."""
        self.form.niqe_box.addItem(f"as images in {folder.name} look", str(folder))
        self.form.niqe_box.setCurrentIndex(self.form.niqe_box.count() - 1)

    def _regions(self, reference: Image) -> tuple[Region, ...]:
        from napari_sr.widgets.layers.places import view_region

        where = self.form.where_box.currentText()
        if where == VIEW:
            return (view_region(reference, self.viewer),)
        return self._shape_regions() if where == SHAPES else ()

    def _shape_regions(self) -> tuple[Region, ...]:
        """Return the places of the shapes in the reference; raises :class:`SRError` if there are none."""
        from napari_sr.widgets.layers.places import shape_regions

        reference, active = self.form.reference_box.layer(), self.viewer.layers.selection.active
        shapes = [layer for layer in self.viewer.layers if isinstance(layer, Shapes)]
        if not shapes or reference is None:
            raise SRError("There is no Shapes layer. Add one, and draw rectangles around what you want to measure.")
        return shape_regions(active if isinstance(active, Shapes) else shapes[-1], reference, self.viewer)

    def _ranked(self) -> tuple[GridImage, tuple[GridImage, ...], dict[str, bool]]:
        """Return what is ranked; raises :class:`SRError` if that is too little."""
        from napari_sr.widgets.layers.places import check_units, grid_image

        reference, chosen = self.form.reference_box.layer(), self.form.candidates.layers()
        if reference is None or len(chosen) < 2:
            raise SRError("A ranking needs a reference and at least two ticked images.")
        check_units(chosen, reference)
        how = {"density": self.form.density_box.isChecked(), "match": self.form.match_box.isChecked()}
        return grid_image(reference, self.viewer), tuple(grid_image(x, self.viewer) for x in chosen), how

    def _ranked_shapes(self) -> tuple[tuple[Region, ...], int]:
        """Return the places of the shapes, and the plane of the reference that is shown."""
        from napari_sr.widgets.layers.places import grid_image, shown_index

        found, reference = self._shape_regions(), self.form.reference_box.layer()
        assert reference is not None  # or there had been no places
        stacked = grid_image(reference, self.viewer).stacked
        return found, int(np.ravel_multi_index(shown_index(reference, self.viewer), stacked)) if stacked else 0

    def _show(self, asked: ComparisonRequest, reference: Image, judged: Comparison) -> None:
        from napari_sr.widgets.layers.maps import add_maps, geometry_of, map_layers

        self._asked, self._judged, self._reference = asked, judged, reference
        if reference in self.viewer.layers:
            layers = map_layers(judged.maps, geometry_of(reference), reference=reference.name)
            add_maps(self.viewer, layers, group=COMPARISON, unit=unit_of(density=asked.density))
            shown = ""
        else:
            shown = " The reference is gone, so no maps were added."
        if self._plots is not None and isalive(self._plots_dock):
            self._plots.show_comparison(asked, judged, reference)
        self.form.table.show_table(judged.table)
        self.form.conditions.setText(judged.table.conditions_line() + ".")
        self._warn(judged)
        self.say(f"Done.{shown}{made_up(judged)}")

    def _warn(self, judged: Comparison) -> None:
        """Say what has to be known to read the figures."""
        lines = list(judged.notes)
        for shift in judged.shifts:
            lines.append(shift_sentence(shift, self._reference))
            layer = self._layers[shift.name]
            if layer in self.viewer.layers:
                self._to_move.append((layer, (shift.rows, shift.columns)))
        self.form.warning.setText("\n".join(lines))

    def register(self) -> None:
        """Move the layers that were off into their place, and compare again."""
        from napari_sr.widgets.layers.places import unit_factor

        if self._asked is None:
            return
        matrix = np.array(self._asked.reference.grid.matrix)
        for layer, shift in self._to_move:
            translate = np.array(layer.translate, dtype=float)
            affine = np.asarray(getattr(layer.affine, "affine_matrix", layer.affine), dtype=float)
            translate[-2:] += (
                np.linalg.inv(affine[-3:-1, -3:-1]) @ matrix @ np.array(shift) / unit_factor(layer, self.viewer)
            )
            layer.translate = translate
        self._to_move = []
        self.compare()

    def _end(self, how: Failed | Stopped | Ended) -> None:
        self.form.bar.setValue(0)
        if isinstance(how, Failed):
            self.say(how.message, ERROR)
        elif isinstance(how, Stopped):
            self.say("Cancelled. Nothing was added.")

    def _start_with_bar(self, work: Any, on_event: Any, keep: Any) -> None:
        """Run a job of a section, with the same bar and the same Cancel."""
        from napari_sr.evaluation.comparison import ComparisonProgress
        from napari_sr.inference.events import Progress

        def show(event: Any) -> None:
            if isinstance(event, Progress | ComparisonProgress):
                self.form.bar.setValue(round(1000 * event.fraction))
            on_event(event)

        self.start_job(work, show, self._end, keep=keep)

    def cancel(self) -> None:
        """Stop at the next image."""
        super().cancel()
        if self.running:
            self.say("Stopping …")
            self.refresh()

    def shut_down(self) -> None:
        """Stop listening to the viewer."""
        super().shut_down()
        self.see.shut_down()
        self.ranking.shut_down()
        if self._plots is not None:
            self._plots.shut_down()
            self._plots = None
        self.form.candidates.disconnect_viewer()
        self.viewer.layers.events.inserted.disconnect(self._guess_reference)
        self.viewer.layers.events.removed.disconnect(self.refresh)
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._load_models)

    def clear(self) -> None:
        """Take the maps of the last comparison away."""
        remove_maps(self.viewer, COMPARISON)
        self.say("The maps were removed.")
        self.refresh()

    # -- afterwards -------------------------------------------------------------------------------

    def show_plots(self) -> None:
        """Open the dock with the curves, or bring it to the front."""
        from napari_sr.widgets.compare.plots import ComparisonPlots

        reference = self._reference
        if self._asked is None or self._judged is None or reference is None:
            return
        if self._plots is not None and not isalive(self._plots_dock):  # its dock was closed
            self._plots.shut_down()
            self._plots = None
        if self._plots is None:
            self._plots = ComparisonPlots(self.viewer)
            self._plots_dock = self.viewer.window.add_dock_widget(self._plots, name="Curves", area="bottom")
        self._plots_dock.show()
        self._plots.show_comparison(self._asked, self._judged, reference)

    def _copy(self) -> None:
        self.form.table.copy()
        self.say("The table was copied.")

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "comparison.csv", "Tables (*.csv)")
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table as CSV."""
        try:
            self.form.table.save(path)
        except OSError as error:
            self.say(f"{path} could not be written ({error.strerror}).", ERROR)
            return
        self.say(f"Saved {path}.")

    def _choose_report(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the report", "comparison.html", "Reports (*.html)")
        if path:
            self.report(Path(path))

    def report(self, path: Path) -> None:
        """Write table, pictures and curves as one HTML file, in the background."""
        asked, found = self._asked, self._judged
        if asked is None or found is None or self.running:
            return

        def work() -> Generator[str, None, None]:
            from napari_sr.evaluation.report import comparison_report

            try:
                path.write_text(comparison_report(asked, found), encoding="utf-8")
            except OSError as error:
                raise SRError(f"{path} could not be written ({error.strerror}).") from None
            yield f"Saved {path}."

        self.say("Writing the report …")
        self.start_job(work, self.say, self._end)
