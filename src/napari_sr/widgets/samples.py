"""Sample data for *File › Open Sample*: each opens as aligned LR (active) and HR (hidden)."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped
from napari_sr.widgets.layers.removal import remove_layer

if TYPE_CHECKING:
    from napari_sr.images.samples import Sample

LayerData = tuple[Any, dict[str, Any], str]

#: jobs in progress, kept from being collected
JOBS: dict[tuple[int, str], Job] = {}


def layer_data(sample: Sample) -> list[LayerData]:
    """Return the HR (hidden) and LR layers of a sample, aligned in the world."""
    from napari_sr.widgets.layers.density import density_colormap, register_units

    ndim = sample.hr.ndim
    labels = ("z", "y", "x")[-ndim:]
    unit = register_units(sample.unit)
    scale = [1.0] * (ndim - 2) + [sample.pixel_size] * 2
    units = ["pixel"] * (ndim - 2) + [unit] * 2
    common: dict[str, Any] = {"units": units, "axis_labels": labels}
    common |= density_colormap(sample.hr) if sample.log_display else {"colormap": "gray"}
    hr_name, lr_name = f"{sample.title} HR", f"{sample.title} LR"

    # the first LR pixel covers the first `scale` HR pixels, whose middle is (scale - 1) / 2
    lr_scale = [1.0] * (ndim - 2) + [sample.pixel_size * sample.scale] * 2
    lr_translate = [0.0] * (ndim - 2) + [sample.pixel_size * (sample.scale - 1) / 2] * 2
    about = {"kind": sample.kind, "note": sample.note}
    return [
        (
            sample.hr,
            {"name": hr_name, "visible": False, "scale": scale, "metadata": {"napari_sr": about}, **common},
            "image",
        ),
        (
            sample.lr,
            {
                "name": lr_name, "scale": lr_scale, "translate": lr_translate,
                "metadata": {"napari_sr": {**about, "reference": hr_name}}, **common,
            },
            "image",
        ),
    ]  # fmt: skip


def _shipped(name: str) -> list[LayerData]:
    from napari_sr.images.samples import load_sample

    return layer_data(load_sample(name))


def _downloaded(name: str) -> list[LayerData]:
    """Open at once if cached; otherwise download in the background and add the layers when done.

    napari wants a layer at once, so an empty one stands in the list, and goes when the download ends.
    """
    from napari_sr.images.downloads import is_cached
    from napari_sr.images.samples import SAMPLES

    remote = SAMPLES[name].remote
    if remote is not None and not is_cached(remote):
        start_download(name)
        waiting = {
            "name": _waiting_name(name),
            "ndim": 2,
            "metadata": {"napari_sr": {"made_by": "download", "sample": name}},
        }
        return [(np.empty((0, 2)), waiting, "points")]
    return _shipped(name)


def _waiting_name(name: str) -> str:
    from napari_sr.images.samples import SAMPLES

    return f"Downloading {SAMPLES.entry(name).title} …"


def _remove_waiting(viewer: Any, name: str) -> None:
    # a name may have been changed, by napari if the sample was asked for twice
    for layer in [x for x in viewer.layers if x.metadata.get("napari_sr", {}).get("sample") == name]:
        if layer.metadata["napari_sr"].get("made_by") == "download":
            remove_layer(viewer, layer)


def start_download(name: str) -> Job:
    """Download a sample with a progress window that can cancel, then add its layers to the current viewer.

    While it is under way, the same sample is not downloaded once more.
    """
    import napari
    from napari.utils import progress
    from napari.utils.notifications import show_info
    from qtpy.compat import isalive
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QProgressDialog

    from napari_sr.images.samples import SAMPLES, load_sample

    viewer = napari.current_viewer()
    if (known := JOBS.get((id(viewer), name))) is not None:
        return known
    entry = SAMPLES.entry(name)
    remote = entry.value.remote
    assert remote is not None
    parent = viewer.window._qt_window
    dialog = QProgressDialog(f"Downloading “{entry.title}” …", "Cancel", 0, 0, parent)
    dialog.setWindowTitle("Open sample")
    dialog.setWindowModality(Qt.WindowModality.NonModal)
    dialog.setMinimumDuration(0)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    activity = progress(total=0, desc=f"Downloading {entry.title}")

    def work() -> Generator[Any, None, None]:
        from queue import SimpleQueue
        from threading import Thread

        from napari_sr.images.downloads import fetch

        events: SimpleQueue[Any] = SimpleQueue()

        def load() -> None:
            try:
                fetch(
                    remote,
                    on_progress=lambda done, total: events.put((done, total)),
                    cancelled=lambda: job.cancelled,
                )
                events.put(load_sample(name))
            except Exception as error:  # noqa: BLE001 - handed over and raised again below
                events.put(error)

        Thread(target=load, daemon=True).start()
        while True:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if not isinstance(event, tuple):
                return

    def show(event: Any) -> None:
        if not isalive(dialog):  # it went with its window
            job.abandon()
            return
        if isinstance(event, tuple):
            done, total = event
            dialog.setMaximum(total)
            dialog.setValue(done)
            return
        _remove_waiting(viewer, name)
        for data, arguments, _ in layer_data(event):
            viewer.add_image(data, **arguments)
        viewer.reset_view()

    def end(how: Failed | Stopped | Ended) -> None:
        JOBS.pop((id(viewer), name), None)
        activity.close()
        if not isalive(dialog):
            return
        _remove_waiting(viewer, name)
        window = dialog.parentWidget()
        dialog.close()
        dialog.deleteLater()
        if isinstance(how, Failed):
            tell_failure(entry.title, how.message, window)
        elif isinstance(how, Ended) and entry.value.licence_notice:
            show_info(entry.value.licence_notice)

    job = Job(work, on_event=show, on_end=end, keep=lambda event: not isinstance(event, tuple))
    JOBS[id(viewer), name] = job
    dialog.canceled.connect(job.cancel)
    dialog.show()
    job.start()
    return job


def tell_failure(title: str, message: str, parent: Any) -> None:
    """Show the whole of what went wrong, to be read and copied; napari's notifications show a part of it."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QMessageBox

    box = QMessageBox(QMessageBox.Icon.Warning, "Open sample", f"“{title}” could not be opened.", parent=parent)
    box.setInformativeText(message)
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setModal(False)  # nothing waits for it
    box.show()


def em_fly() -> list[LayerData]:
    """EM slice (fly brain, FIB-SEM): real, downloaded once."""
    return _downloaded("em-fly")


def em_nerve_cord() -> list[LayerData]:
    """EM slice (nerve cord, ssTEM): real, downloaded once."""
    return _downloaded("em-nerve-cord")


def em_phantom() -> list[LayerData]:
    """EM phantom: simulated, in the package."""
    return _shipped("em-phantom")


def nbody() -> list[LayerData]:
    """N-body slice, LR by block mean of the logarithm."""
    return _shipped("nbody")


def nbody_paired() -> list[LayerData]:
    """N-body slice, LR from a coarser simulation of the same universe."""
    return _shipped("nbody-paired")


def nbody_training() -> list[LayerData]:
    """N-body stack for training."""
    return _shipped("nbody-training")
