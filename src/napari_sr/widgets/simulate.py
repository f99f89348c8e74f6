"""The dock widget *Simulate low resolution*."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_sr.widgets.base.dock import Dock
from napari_sr.widgets.base.job import Ended, Failed, Stopped
from napari_sr.widgets.base.messages import ERROR, WARNING, MessageLabel
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.controls.before_after import BeforeAfter
from napari_sr.widgets.controls.degradation_box import DegradationBox
from napari_sr.widgets.controls.layer_box import LayerBox

if TYPE_CHECKING:
    import napari


class SimulateLowResolution(Dock):
    """Degrade an image layer into an aligned LR layer, to try a model where the truth is known."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, title="Simulate low resolution", help_page="README.md#in-the-viewer")
        self.layer_box = LayerBox(self.viewer, follow=True)
        self.preset_box = DegradationBox()
        self.preset_box.fill()
        self.scale_box = QSpinBox()
        self.preset_box.own.scale = self.scale_box.value
        self.scale_box.setRange(2, 8)
        self.scale_box.setValue(4)
        self.scale_box.setPrefix("÷ ")
        self.before_after = BeforeAfter("as it will be")
        self.run_button = QPushButton("Simulate")
        self.cancel_button = QPushButton("Cancel")
        tips = {
            self.layer_box: "The high-resolution image. Follows the layer that you select.",
            self.preset_box: "How the low-resolution image comes about.",
            self.scale_box: "How many pixels become one, on each side.",
            self.run_button: "Adds the low-resolution image as a layer under its original.",
            self.cancel_button: "Stops. Nothing is added then.",
        }
        for widget, tip in tips.items():
            widget.setToolTip(tip)
        self.status = MessageLabel()
        explanation = QLabel(
            "Makes a low-resolution image of one that you have in high resolution, so that you can super-resolve it "
            "and compare with the truth."
        )
        explanation.setWordWrap(True)
        form = form_of(("Image", self.layer_box), ("Reduce", self.scale_box), ("As from", self.preset_box))
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(explanation)
        layout.addLayout(form)
        layout.addWidget(self.preset_box.own)
        layout.addWidget(self.before_after)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.cancel_button, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addStretch(1)
        self.lay_out(content)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.layer_box.layer_changed.connect(self._on_choice)
        self.preset_box.changed.connect(self._on_choice)
        self.scale_box.valueChanged.connect(self._on_choice)
        self._on_choice()

    def _on_choice(self) -> None:
        """Show what the settings do to the middle of the image."""
        layer = self.layer_box.layer()
        visible = layer is not None and not layer.rgb
        self.before_after.setVisible(visible)
        if layer is not None and visible:
            self.before_after.show_layer(layer, self.preset_box.text(), self.scale_box.value())
        self.refresh()

    def shut_down(self) -> None:
        """Stop everything: the controls will be gone."""
        super().shut_down()
        self.before_after.shut_down()

    def refresh(self) -> None:
        """Enable what can be pressed now."""
        self.cancel_button.setEnabled(self.job is not None)
        self.run_button.setEnabled(self.layer_box.layer() is not None and self.job is None)

    def run(self) -> None:
        """Degrade every plane of the chosen layer and add the LR layer."""
        layer = self.layer_box.layer()
        if layer is None or self.job is not None:
            return
        from napari_sr.errors import ImageError
        from napari_sr.widgets.layers.snapshot import METADATA_KEY, check_whole, resampled_arguments, snapshot

        try:
            check_whole(layer)
        except ImageError as error:
            self.status.say(str(error), ERROR)
            return
        source = snapshot(layer)
        preset, scale = self.preset_box.text(), self.scale_box.value()
        lost: list[int] = []

        def work() -> Generator[Any, None, None]:
            from napari_sr.images import simulate

            yield from simulate.iter_degraded(source.data, preset, scale, axes=source.axes, on_lost=lost.append)

        def show(event: Any) -> None:
            if isinstance(event, float):
                self.status.say(f"{event:.0%}", "")
                return
            arguments = resampled_arguments(layer, source.axes, 1 / scale)
            added = self.viewer.add_image(
                event, name=f"{source.name} [LR ÷{scale}]",
                metadata={METADATA_KEY: {
                    "kind": source.kind, "degradation": preset,
                    "reference": layer.name, "reference_id": str(layer.unique_id),  # a new name does not change it
                }},
                **arguments,
            )  # fmt: skip
            layer.visible = False
            self.viewer.layers.selection.active = added
            self.layer_box.select(layer)  # its own result is not what the next click degrades
            said = f"Added {added.name}. The original is hidden, and serves as reference."
            if lost:
                said += f" {sum(lost)} of its pixels have no value: pixels that they are made of have none."
            self.status.say(said, WARNING if lost else "")

        def end(how: Failed | Stopped | Ended) -> None:
            if isinstance(how, Failed):
                self.status.say(how.message, ERROR)
            elif isinstance(how, Stopped):
                self.status.say("Cancelled. Nothing was added.", "")

        self.status.say("Simulating …", "")
        self.start_job(work, show, end, keep=lambda event: not isinstance(event, float))
