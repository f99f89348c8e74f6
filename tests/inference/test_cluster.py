"""Several processes compute one result: the same bytes as one, also if one of them is killed."""

import os
import signal
import sys

import numpy as np
import pytest
from small_models import make_model

from napari_sr.errors import ConfigError, ImageError
from napari_sr.inference import Upscaler
from napari_sr.inference.block_job import Source
from napari_sr.inference.files import iter_upscale_file
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.inference.unfinished import folder_of

pytest.importorskip("distributed")
from napari_sr.inference import cluster

pytestmark = pytest.mark.xdist_group("cluster")  # two of them would be four processes, on two cores
AUTO = {"device": "cpu", "precision": "fp32", "tile": "auto", "overlap": None}


@pytest.fixture(scope="module")
def team():
    with cluster.team(workers=2) as found:
        yield found


@pytest.fixture
def image(rng):
    image = rng.integers(0, 60000, (2, 520, 515)).astype(np.uint16)  # several blocks a plane
    image[:, 400:] //= 7
    return image


def same(one, other):
    files = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    assert files == {p.relative_to(other) for p in other.rglob("*") if p.is_file()}
    for file in files - {one / "zarr.json"}:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file


def alone(image, target, model):
    return list(iter_upscale_to_zarr(image, target, Upscaler(model, device="cpu", precision="fp32"), axes="ZYX"))[-1]


def test_two_processes_write_what_one_does_in_fp32_also_if_one_is_killed(team, image, tmp_path):
    model = make_model("wgan", 4)
    np.save(tmp_path / "lr.npy", image)
    expected = alone(np.load(tmp_path / "lr.npy", mmap_mode="r"), tmp_path / "one.zarr", model)
    upscaler = team.upscaler(model, **AUTO)
    killed, fractions = [], []
    run = iter_upscale_to_zarr(
        np.load(tmp_path / "lr.npy", mmap_mode="r"), tmp_path / "two.zarr", upscaler, axes="ZYX", hire=team.hire
    )
    for event in run:
        fractions.append(getattr(event, "fraction", 1.0))
        if fractions[-1] > 0.2 and not killed and sys.platform != "win32":
            killed.append(next(iter(team.client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)
    assert fractions == sorted(fractions)
    same(tmp_path / "one.zarr", tmp_path / "two.zarr")
    assert "2 workers (CPU) in fp32" in event.report.sentence()
    assert event.report.saturated == expected.report.saturated
    assert event.report.problems == expected.report.problems


def test_a_run_of_several_processes_that_was_cut_off_goes_on(team, image, tmp_path):
    model = make_model("wgan", 4)
    alone(image, tmp_path / "one.zarr", model)
    run = iter_upscale_to_zarr(image, tmp_path / "two.zarr", team.upscaler(model, **AUTO), axes="ZYX", hire=team.hire)
    for event in run:
        if event.fraction > 0.3:
            break
    run.close()
    journal = (folder_of(tmp_path / "two.zarr") / "journal").read_text()
    assert len(journal.splitlines()) >= 1
    done = alone(image, tmp_path / "two.zarr", model)  # by this process alone
    assert any("gone on with" in note for note in done.report.notes)
    same(tmp_path / "one.zarr", tmp_path / "two.zarr")


def fails():
    raise ImageError("the disk with the image is gone")


def test_what_fails_elsewhere_is_said_here(team, image, tmp_path):
    model = make_model("wgan", 4)
    source = Source(identity=lambda: "image", open=fails)
    with pytest.raises(ImageError, match="the disk with the image is gone"):
        list(
            iter_upscale_to_zarr(
                image, tmp_path / "a.zarr", team.upscaler(model, **AUTO), axes="ZYX", hire=team.hire, source=source
            )
        )
    np.save(tmp_path / "lr.npy", image)
    with pytest.raises(ImageError, match=r"several processes write to zarr only"):
        list(iter_upscale_file(tmp_path / "lr.npy", tmp_path / "a.tif", team.upscaler(model, **AUTO), hire=team.hire))


def test_workers_that_differ_are_refused(team, monkeypatch):
    answers = {"a": ("0.1.0", "cuda", "bf16", "H100", True), "b": ("0.1.0", "cpu", "fp32", "CPU", True)}
    monkeypatch.setattr(team.client, "run", lambda *arguments: answers)
    with pytest.raises(ConfigError, match=r"The workers differ \(cpu in fp32; cuda in bf16\)"):
        team.upscaler(make_model("wgan", 4), **AUTO)
    answers["b"] = ("0.0.9", "cuda", "bf16", "H100", True)
    with pytest.raises(ConfigError, match=r"The workers have napari-sr 0\.0\.9, 0\.1\.0"):
        team.upscaler(make_model("wgan", 4), **AUTO)


def test_an_address_where_nothing_is(monkeypatch):
    monkeypatch.setattr(cluster, "KNOCK", 1)
    with pytest.raises(ConfigError, match="No scheduler of dask answers"), cluster.team(scheduler="tcp://127.0.0.1:9"):
        pass


@pytest.mark.parametrize(
    ("device", "name", "expected"),
    [("cpu", 3, "cpu"), ("cuda:0", 3, "cuda:1"), ("cuda:0", "SLURMCluster-2", "cuda:0"), ("cuda:0", "host", "cuda:0")],
)
def test_a_worker_has_a_gpu_of_its_own(device, name, expected, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert cluster.device_of(device, name) == expected


def test_workers_compute_with_openvino_where_that_is_asked_for(team, image, tmp_path):
    model = make_model("wgan", 4)
    by_torch = alone(image, tmp_path / "torch.zarr", model)
    assert team.upscaler(model, **AUTO).backend == "auto"
    upscaler = team.upscaler(model, **AUTO, backend="openvino")
    events = iter_upscale_to_zarr(image, tmp_path / "two.zarr", upscaler, axes="ZYX", hire=team.hire)
    found = list(events)[-1]
    assert "by OpenVINO" in found.report.sentence()
    difference = np.abs(found.image[...].astype(int) - by_torch.image[...].astype(int))
    assert difference.max() <= 2  # of 65 535: sums of another order


def test_workers_without_openvino_say_so(team, monkeypatch):
    def able(device, precision):
        return (*cluster.able(device, precision)[:4], False)

    monkeypatch.setattr(team, "client", Without(team.client, able))
    model = make_model("wgan", 4)
    assert team.upscaler(model, **AUTO).backend == "torch"
    with pytest.raises(ConfigError, match="OpenVINO is not installed with all workers: pip install"):
        team.upscaler(model, **AUTO, backend="openvino")


class Without:
    """A client whose workers answer as told."""

    def __init__(self, client, able):
        self.client, self.able = client, able

    def run(self, function, *arguments):
        return {"worker": self.able(*arguments)}

    def wait_for_workers(self, *arguments, **settings):
        return self.client.wait_for_workers(*arguments, **settings)
