import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from skimage.io import imsave

from napari_sr.errors import Cancelled, ConfigError, DownloadError
from napari_sr.images import samples
from napari_sr.images.downloads import RemoteFile, cache_folder, fetch, is_cached
from napari_sr.images.samples import SAMPLES, decode_density, load_sample

SHIPPED = [name for name in SAMPLES if SAMPLES[name].remote is None]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A PNG of the same kind as the real one."""
    path = tmp_path_factory.mktemp("png") / "slice.png"
    noise = np.random.default_rng(0).integers(0, 255, (522, 521)).astype(np.uint8)
    imsave(path, noise, check_contrast=False)
    return path.read_bytes()


@pytest.fixture(scope="module")
def server(content):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/missing.png":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def remote(server, content, name="slice.png"):
    return RemoteFile(name, f"{server}/{name}", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_samples_are_aligned_pairs(name):
    sample = load_sample(name)
    assert sample.hr.shape[-2:] == tuple(n * sample.scale for n in sample.lr.shape[-2:])
    assert np.isfinite(sample.hr).all()
    assert sample.hr.dtype == sample.lr.dtype
    assert sample.note
    assert sample.pixel_size > 0
    # blocks of the HR image follow the LR image where it is, better than one LR pixel to any side
    hr, lr = (np.log10(i + 0.02) if sample.log_display else i.astype(float) for i in (sample.hr, sample.lr))
    hr, lr = (i if i.ndim == 2 else i[0] for i in (hr, lr))
    s = sample.scale
    block = hr.reshape(lr.shape[0], s, lr.shape[1], s).mean(axis=(1, 3))
    scores = {
        (dy, dx): np.corrcoef(np.roll(block, (dy, dx), (0, 1)).ravel(), lr.ravel())[0, 1]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    }
    assert max(scores, key=scores.get) == (0, 0)


def test_the_phantom_says_that_it_is_simulated():
    sample = load_sample("em-phantom")
    assert "simulated" in sample.title
    assert "not a measurement" in sample.note


def test_densities_have_mean_one_over_the_box():
    hr = load_sample("nbody-training").hr
    assert hr.shape == (8, 256, 256)
    assert hr.mean() == pytest.approx(1, abs=0.15)
    assert hr.max() > 30
    assert hr.min() >= 0
    codes = np.array([0, 65535], np.uint16)
    np.testing.assert_allclose(decode_density(codes, np.log10(0.02), 2.0), [0, 99.98], atol=1e-5)


def test_unknown_sample():
    with pytest.raises(ConfigError, match="no sample called 'x'"):
        load_sample("x")


def test_a_good_download_is_cached_and_not_fetched_again(server, content):
    file = remote(server, content)
    seen = []
    assert not is_cached(file)
    path = fetch(file, on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == content
    assert seen[-1] == (len(content), len(content))
    assert is_cached(file)
    gone = RemoteFile(file.name, "http://127.0.0.1:9/slice.png", file.sha256)
    assert fetch(gone) == path


def test_real_samples_load_through_the_download(server, content, monkeypatch):
    monkeypatch.setattr(samples, "FLYEM", remote(server, content))
    sample = load_sample("em-fly")
    assert sample.hr.shape == (520, 520)
    assert sample.lr.shape == (130, 130)
    assert sample.pixel_size == 10
    assert "CC BY" in sample.note
    assert "NC-SA" in SAMPLES["em-nerve-cord"].licence_notice


def test_a_wrong_file_is_not_kept(server):
    file = remote(server, b"something else")
    with pytest.raises(DownloadError, match="not the expected file"):
        fetch(file)
    assert not is_cached(file)
    assert not list(cache_folder().glob("*"))


def test_a_missing_file_and_a_missing_network(server, content):
    with pytest.raises(DownloadError, match="answered 404"):
        fetch(remote(server, content, "missing.png"))
    with pytest.raises(DownloadError, match="could not be reached"):
        fetch(RemoteFile("a.png", "http://127.0.0.1:9/a.png", "0" * 64))
    with pytest.raises(DownloadError, match="could not be reached"):
        fetch(RemoteFile("a.png", "http://nowhere.invalid/a.png", "0" * 64))


def test_cancel(server, content):
    with pytest.raises(Cancelled):
        fetch(remote(server, content), cancelled=lambda: True)
    assert not list(cache_folder().glob("slice*"))


def test_pinned_addresses_have_hashes():
    for name in set(SAMPLES) - set(SHIPPED):
        file = SAMPLES[name].remote
        assert len(file.sha256) == 64
        assert file.url.startswith("https://")
