"""The choice of how low-resolution images come about: a preset, or steps of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.controls.combo import Combo

OWN = "own"
BLURS = {
    "": "none", "gaussian": "Gaussian", "elliptic": "Gaussian, wider one way", "sinc": "sharp limit, leaves rings",
}  # fmt: skip
REDUCTIONS = ("area", "bilinear", "bicubic")


class DegradationBox(Combo):
    """Presets, and *My own* with a form, ``own``, that whoever uses the box places below it.

    ``changed`` is emitted when the degradation is another one.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.own = OwnDegradation()
        self.own.hide()
        self.own.changed.connect(self.changed)
        self.currentIndexChanged.connect(self._on_choice)

    def fill(self, default: str = "em") -> None:
        """List the presets; ``default`` is chosen."""
        from napari_sr.degradations import PRESETS

        for name in PRESETS:
            self.addItem(PRESETS.entry(name).title, name)
        self.addItem("My own: blur, pixels, noise …", OWN)
        self.setCurrentIndex(self.findData(default))

    def text(self) -> str:
        """Return a preset's name or a composition, as :func:`napari_sr.degradations.make_degradation` takes it."""
        data = self.currentData()
        return self.own.text() if data == OWN else str(data or "")

    def choose(self, text: str) -> None:
        """Choose a preset or a composition, whichever ``text`` is; one that cannot be made changes nothing."""
        from napari_sr.degradations import make_degradation
        from napari_sr.errors import ConfigError

        try:
            make_degradation(text, 1)
        except ConfigError:  # of another program, or none at all
            return
        if self.findData(text) < 0:
            if self.own.show_text(text):
                text = OWN
            else:  # more steps than the form has rows
                self.insertItem(self.findData(OWN), text, text)
        self.setCurrentIndex(self.findData(text))

    def _on_choice(self) -> None:
        self.own.setVisible(self.currentData() == OWN)
        self.changed.emit()


class OwnDegradation(QWidget):
    """A form for the usual steps: blur, larger pixels, noise, compression; an image of the microscope fills it in.

    ``changed`` is emitted with every value that is changed. ``scale`` is called for the model's.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.scale: Callable[[], int] = lambda: 4
        self.measure_button = QPushButton("As in my own low-resolution image …")
        self.measure_button.setToolTip(
            "Choose an image that your microscope took: its blur and noise are measured, and filled in here."
        )
        self.measured = QLabel()
        self.measured.setWordWrap(True)
        self.measured.hide()
        self._latest = Latest(self, self._on_measured, self._on_failed)
        self.measure_button.clicked.connect(self._choose_image)
        self.blur = Combo()
        self.blur.setToolTip("What spreads a point: the optics, mostly.")
        for name, title in BLURS.items():
            self.blur.addItem(title, name)
        self.blur.setCurrentIndex(1)
        self.sigma = _spin(2.0, 0.1, 50, "px", "Standard deviation, in pixels of the high-resolution image.")
        self.across = _spin(1.0, 0.1, 50, "px", "Standard deviation at right angles to it.")
        self.angle = _spin(0, -180, 180, "°", "Direction of the wider blur: 0 is up and down, 90 left and right.")
        self.finest = _spin(5.0, 2.0, 50, "px", "Finest period that gets through, in pixels of the image.")
        self.reduction = Combo()
        self.reduction.setToolTip("How one larger pixel is made of the small ones.")
        for name, title in zip(
            REDUCTIONS, ("mean over each (a camera)", "bilinear (a scan)", "bicubic (a program)"), strict=True
        ):
            self.reduction.addItem(title, name)
        self.photons = _whole(100, 10_000_000, "none", " photons", "Photons in the brightest pixel: fewer, noisier.")
        self.read = _spin(2.0, 0, 1000, "photons", "Standard deviation of the camera's own noise.")
        self.noise = _spin(0, 0, 100, "%", "Standard deviation in per cent of the image's range, the same everywhere.")
        self.noise.setSpecialValueText("none")
        self.quality = _whole(0, 100, "none", "", "Quality of a JPEG file that the images went through.")
        self._form = form = QFormLayout(self)
        form.setContentsMargins(12, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.measure_button)
        form.addRow(self.measured)
        for title, field in (
            ("Blur", self.blur), ("Width σ", self.sigma), ("Across σ", self.across), ("Direction", self.angle),
            ("Finest period", self.finest), ("Larger pixels", self.reduction), ("Light", self.photons),
            ("Camera noise", self.read), ("Even noise", self.noise), ("JPEG quality", self.quality),
        ):  # fmt: skip
            form.addRow(title, field)
            signal = field.currentIndexChanged if isinstance(field, QComboBox) else field.valueChanged
            signal.connect(self._on_change)
        self._on_change()

    @property
    def busy(self) -> bool:
        """True while an image is measured."""
        return self._latest.busy

    def _choose_image(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "An image of your microscope", "", "Images (*);;All (*)")
        if path:
            self.measure(Path(path))

    def measure(self, path: Path) -> None:
        """Measure blur and noise of an image file in the background, and fill them in."""
        scale = self.scale()

        def work() -> tuple[str, str]:
            from napari_sr.inference.own_microscope import degradation_like_file

            return path.name, degradation_like_file(path, scale)

        self._say(f"Measuring {path.name} …")
        self._latest.ask(work)

    def _on_measured(self, found: tuple[str, str]) -> None:
        name, text = found
        self.show_text(text)
        self._say(f"Filled in from {name}, for ×{self.scale()}.")

    def _on_failed(self, reason: str) -> None:
        self._say(reason)

    def _say(self, text: str) -> None:
        self.measured.setText(text)
        self.measured.show()

    def text(self) -> str:
        """Return the steps as a composition."""
        blur = self.blur.currentData()
        blurs = {
            "gaussian": f"gaussian(sigma={self.sigma.value():g})",
            "elliptic": f"elliptic(sigma={self.sigma.value():g}, across={self.across.value():g}, "
            f"angle={self.angle.value():g})",
            "sinc": f"sinc(cutoff={1 / self.finest.value():.4g})",
        }
        steps = [blurs[blur]] if blur else []
        steps.append(str(self.reduction.currentData()))
        if self.photons.value():
            steps.append(f"shot(photons={self.photons.value()}, read={self.read.value():g})")
        if self.noise.value():
            steps.append(f"noise(sigma={self.noise.value():g})")
        if self.quality.value():
            steps.append(f"jpeg(quality={self.quality.value()})")
        return " + ".join(steps)

    def show_text(self, text: str) -> bool:
        """Show a composition that can be made; return False, and change nothing, if its steps are not the form's."""
        from napari_sr.degradations.composed import canonical, parse

        before = self.text()
        self._show(parse(text))
        if canonical(self.text()) == canonical(text):
            return True
        self._show(parse(before))
        return False

    def _show(self, steps: list[tuple[str, dict[str, float]]]) -> None:
        found = dict(steps)
        self.blockSignals(True)
        blur = next((name for name in BLURS if name in found), "")
        self.blur.setCurrentIndex(self.blur.findData(blur))
        values = found.get(blur, {})
        for field, name in ((self.sigma, "sigma"), (self.across, "across"), (self.angle, "angle")):
            field.setValue(values.get(name, field.value()))
        if "cutoff" in values:
            self.finest.setValue(1 / values["cutoff"])
        reduction = next((name for name in REDUCTIONS if name in found), REDUCTIONS[0])
        self.reduction.setCurrentIndex(self.reduction.findData(reduction))
        light = found.get("shot", {})
        self.photons.setValue(round(light.get("photons", 0)))
        self.read.setValue(light.get("read", self.read.value()))
        self.noise.setValue(found.get("noise", {}).get("sigma", 0))
        self.quality.setValue(round(found.get("jpeg", {}).get("quality", 0)))
        self.blockSignals(False)
        self._on_change()

    def _on_change(self) -> None:
        blur = self.blur.currentData()
        for field, kinds in (
            (self.sigma, ("gaussian", "elliptic")),
            (self.across, ("elliptic",)),
            (self.angle, ("elliptic",)),
            (self.finest, ("sinc",)),
        ):
            field.setVisible(blur in kinds)
            self._form.labelForField(field).setVisible(blur in kinds)
        self.read.setEnabled(self.photons.value() > 0)
        self.changed.emit()


def _spin(value: float, low: float, high: float, unit: str, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(0.1 if high <= 50 else 1)
    box.setDecimals(1 if high > 50 else 2)
    box.setSuffix(f" {unit}")
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box


def _whole(value: int, high: int, none: str, unit: str, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, high)
    box.setSpecialValueText(none)
    box.setSuffix(unit)
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box
