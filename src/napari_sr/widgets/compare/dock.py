"""The dock widget *Compare*."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from napari_sr.errors import SRError
from napari_sr.evaluation.comparison import Comparison
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.compare.by_eye import HINT, SeeButtons
from napari_sr.widgets.compare.folders import QualitySection
from napari_sr.widgets.compare.form import OWN_IMAGES, CompareForm
from napari_sr.widgets.compare.last_comparison import LastComparison
from napari_sr.widgets.compare.requests import Chosen
from napari_sr.widgets.compare.state import Choices, resolve
from napari_sr.widgets.compare.trust import TrustSection
from napari_sr.widgets.controls.reference_box import likely_reference
from napari_sr.widgets.layers.parentage import is_source, no_truth
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.ranking.section import RankingSection

if TYPE_CHECKING:
    import napari

    from napari_sr.models.model import ModelCard


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
        self.chosen = Chosen(self.form, self.viewer)
        self.last = LastComparison(
            self.form, self.viewer, say=self.say, start_job=lambda work, show: self.start_job(work, show, self._end)
        )
        self.form.reference_box.layer_changed.connect(self._on_reference)
        self.form.candidates.changed.connect(self.refresh)
        self.form.compare_button.clicked.connect(self.compare)
        self.form.niqe_box.activated.connect(self._on_niqe)
        self.form.cancel_button.clicked.connect(self.cancel)
        self.form.register_button.clicked.connect(self.register)
        self.form.clear_button.clicked.connect(self.clear)
        self.form.help_button.clicked.connect(self.open_handbook)
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
            images=self.chosen.ranked, shapes=self.chosen.ranked_shapes, start_job=self._start_with_bar, say=self.say
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
            compared=self.last.result is not None,
            misplaced=len(self.last.misplaced),
            maps=self.last.maps(),
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
        if layer is not self.last.reference:  # what was measured against another one moves nothing any more
            self.last.forget_shifts()
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
            request = self.chosen.comparison(reference)
        except SRError as error:
            self.say(f"{error}{self._earlier()}", ERROR)
            return
        layers = {layer.name: layer for layer in self.form.candidates.layers()}
        self.last.forget_shifts()
        self.say("Comparing …")
        natural = self.form.niqe_box.currentData()

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.compare import iter_comparison
            from napari_sr.evaluation.natural import natural_model

            model = None if natural is None else natural_model(natural, density=request.density)
            yield from iter_comparison(replace(request, naturalness=model))

        def show(event: Any) -> None:
            if isinstance(event, Comparison):
                self.last.show(request, reference, event, layers)
            else:
                self.form.bar.setValue(round(1000 * event.fraction))
                self.say(event.text)

        def end(how: Failed | Stopped | Ended) -> None:
            self._end(how, self._earlier())

        self.start_job(work, show, end, keep=lambda event: isinstance(event, Comparison))

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

    def register(self) -> None:
        """Move the layers that were off into their place, and compare again."""
        if self.last.request is not None:
            self.last.move_layers()
            self.compare()

    def clear(self) -> None:
        """Take the maps of the last comparison away."""
        self.last.clear()
        self.refresh()

    def _end(self, how: Failed | Stopped | Ended, further: str = "") -> None:
        self.form.bar.setValue(0)
        if isinstance(how, Failed):
            self.say(f"{how.message}{further}", ERROR)
        elif isinstance(how, Stopped):
            self.say(f"Cancelled. Nothing was added.{further}")

    def _earlier(self) -> str:
        """Say that figures are in view that are of no comparison that failed."""
        return "" if self.last.result is None else " The table is still that of the comparison before."

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
        self.last.shut_down()
        self.form.candidates.disconnect_viewer()
        self.viewer.layers.events.inserted.disconnect(self._guess_reference)
        self.viewer.layers.events.removed.disconnect(self.refresh)
        with suppress(RuntimeError, TypeError):  # it was done before
            catalogue().changed.disconnect(self._load_models)
