"""Packages of the bioimage.io model zoo whose network is built by Python code of their own (CPU, fp32)."""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from test_bioimageio_in import IMAGE, MEAN_STD, made_of, new, old
from test_graphs import Small

from napari_sr.errors import CodeRefused, ModelError, SRError
from napari_sr.inference import upscale
from napari_sr.models import manage, store
from napari_sr.models.formats import load_foreign
from napari_sr.models.model import save

CODE = '''
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import nn

Path("{trace}").touch()


@dataclass
class Settings:
    """Looks for its own module while it is made."""

    channels: int = 1


class Net(nn.Module):
    def __init__(self, channels, scale):
        super().__init__()
        channels, self.scale = Settings(channels).channels, scale
        self.first = nn.Conv2d(channels, 6, 5, padding=2)
        self.last = nn.Conv2d(6, channels * scale**2, 3, padding=1)

    def forward(self, image):
        return F.pixel_shuffle(self.last(F.relu(self.first(image))), self.scale)


def broken(channels, scale):
    raise LookupError("no such thing")


def none_at_all(channels, scale):
    return 5
'''
SETTINGS = {"channels": 1, "scale": 2}
#: the ways in which formats 0.5 and 0.4 say what builds the network
IN_FILE = {"callable": "Net", "source": "net.py", "kwargs": SETTINGS}
IN_LIBRARY = {"callable": "Small", "import_from": "test_graphs", "kwargs": SETTINGS}
SAID = {
    "0.5, file": (new, {"architecture": IN_FILE}),
    "0.5, library": (new, {"architecture": IN_LIBRARY}),
    "0.4, file": (old, {"architecture": "net.py:Net", "kwargs": SETTINGS}),
    "0.4, library": (old, {"architecture": "test_graphs.Small", "kwargs": SETTINGS}),
}


@pytest.fixture
def package(tmp_path):
    """Write packages; ``trace`` is a file that their code makes when it runs."""

    def write(description=new, entry=None, name="p", code=CODE, state=None, **settings):
        folder = tmp_path / name
        folder.mkdir()
        entry = {"source": "w.pt", **({"architecture": IN_FILE} if entry is None else entry)}
        text = description(weights={"pytorch_state_dict": entry}, **settings)
        (folder / "rdf.yaml").write_text(yaml.safe_dump(text))
        # of its own: what was run once in this process is not run again
        (folder / "net.py").write_text(code.replace("{trace}", str(tmp_path / "trace")))
        torch.save(Small(1, 2).state_dict() if state is None else state, folder / "w.pt")
        return folder

    write.trace = tmp_path / "trace"
    return write


@pytest.mark.parametrize("case", SAID)
def test_it_computes_what_its_code_does(case, package):
    description, entry = SAID[case]
    path = package(description, entry)
    model = load_foreign(path, allow_code=True)
    assert (model.card.network, model.scale, model.network.halo) == ("python", 2, 3)
    assert "of net.py" in model.card.description or "of the library test_graphs" in model.card.description
    lr = torch.rand(2, 1, 12, 10)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(lr), Small(1, 2)(lr), rtol=1e-6, atol=1e-6)


def test_nothing_of_it_runs_without_consent(package):
    path = package()
    with pytest.raises(CodeRefused, match=r"its network is built by program code; if you trust .*--allow-code"):
        load_foreign(path)
    assert not package.trace.exists()
    load_foreign(path, allow_code=True)
    assert package.trace.exists()


def test_it_is_kept_with_its_code_and_consent_is_for_what_was_installed(package, tmp_path, monkeypatch):
    path = package(preprocessing=[MEAN_STD])
    store.install_foreign(path, allow_code=True, name="own")
    for name in [n for n in sys.modules if n.startswith("napari_sr_own_")]:
        monkeypatch.delitem(sys.modules, name)  # as in another process
    package.trace.unlink()
    mean, std = IMAGE.mean(dtype=float), IMAGE.std(dtype=float)
    sr = upscale(IMAGE, store.load_model("own"), device="cpu", precision="fp32")
    assert package.trace.exists()  # its code came with it
    want = made_of(Small(1, 2), (IMAGE - mean) / std) * std + mean
    np.testing.assert_allclose(sr, want, rtol=1e-4, atol=1e-5 * std)
    other = load_foreign(path, allow_code=True)
    save(replace(other, card=replace(other.card, name="another")), tmp_path / "another.safetensors")
    assert store.load_model(tmp_path / "another.safetensors").scale == 2  # the same code and weights, elsewhere
    other.network.contents = torch.cat((other.network.contents, torch.zeros(1, dtype=torch.uint8)))
    save(other, tmp_path / "changed.safetensors")
    with pytest.raises(CodeRefused, match="holds program code"):
        store.load_model(tmp_path / "changed.safetensors")


def test_the_same_package_is_the_same_model(package):
    first, second = (load_foreign(package(name=name), allow_code=True).network.contents for name in ("p", "q"))
    assert torch.equal(first, second)


def test_tiles_are_those_of_the_whole(package):
    model = load_foreign(package(), allow_code=True)
    whole = upscale(IMAGE, model, device="cpu", precision="fp32")
    tiles = upscale(IMAGE, model, device="cpu", precision="fp32", tile=16)
    np.testing.assert_allclose(tiles, whole, rtol=1e-5, atol=1e-5 * np.ptp(whole))


def test_weights_in_a_container_are_found(package):
    path = package(state={"state_dict": {f"module.{k}": v for k, v in Small(1, 2).state_dict().items()}, "epoch": 7})
    lr = torch.rand(1, 1, 12, 10)
    with torch.inference_mode():
        made = load_foreign(path, allow_code=True).network(lr)
        torch.testing.assert_close(made, Small(1, 2)(lr), rtol=1e-6, atol=1e-6)


def entry_of(**changes):
    return {"architecture": {**IN_FILE, **changes}}


WRONG = {
    "other settings": ({"entry": entry_of(kwargs={"channels": 1, "scale": 3})}, "weights do not fit Net"),
    "unknown setting": ({"entry": entry_of(kwargs={"depth": 3})}, "own code failed: TypeError: .*depth"),
    "no such name": ({"entry": entry_of(callable="Other")}, "defines no Other"),
    "raises": ({"entry": entry_of(callable="broken")}, "own code failed: LookupError: no such thing"),
    "no module": ({"entry": entry_of(callable="none_at_all")}, "makes no torch module"),
    "no file": ({"entry": entry_of(source="other.py")}, "other.py is missing or damaged"),
    "outside": ({"entry": entry_of(source="../net.py")}, "outside of the package"),
    "other code": ({"entry": entry_of(sha256="0" * 64)}, "another SHA-256"),
    "syntax": ({"code": "class Net(:"}, "code cannot be run. .*SyntaxError: invalid syntax"),
    "fails to import": ({"code": "import no_such_library_at_all"}, "cannot be run. .*no_such_library_at_all"),
    "library": (
        {"entry": {"architecture": {**IN_LIBRARY, "import_from": "no_such_library_at_all"}}},
        "needs no_such_library_at_all, which is not installed",
    ),
    "nothing said": ({"entry": {"architecture": {"callable": "Net"}}}, "does not say what is to be called where"),
    "a number": ({"entry": {"architecture": 5}}, "cannot be understood"),
    "classifier": (
        {"code": CODE.replace("return F.pixel_shuffle(", "return image.mean() if True else F.pixel_shuffle(")},
        "does not make one image of one image",
    ),
    "leaves": ({"code": "import sys; sys.exit(0)"}, "own code failed: SystemExit: 0"),
    "leaves when it is built": (
        {"code": CODE.replace("raise LookupError", "raise SystemExit"), "entry": entry_of(callable="broken")},
        "own code failed: SystemExit: no such thing",
    ),
    "library that fails": (
        {"entry": {"architecture": {**IN_LIBRARY, "import_from": "fails_to_import"}}},
        "needs fails_to_import, which cannot be imported. .*AttributeError: old",
    ),
    "fails": ({"code": CODE.replace("return F.", "return G.")}, "own code failed: NameError: name 'G' is not defined"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_run_is_refused_in_words(case, package, tmp_path, monkeypatch):
    settings, message = WRONG[case]
    (tmp_path / "fails_to_import.py").write_text('raise AttributeError("old")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=rf"^p cannot be used\. .*{message}"):
        load_foreign(package(**settings), allow_code=True)


def test_settings_that_hold_themselves_are_refused(package):
    path = package()
    (path / "rdf.yaml").write_text(
        (path / "rdf.yaml").read_text().replace("kwargs:", "kwargs: &own\n        own: *own")
    )
    with pytest.raises(ModelError, match="settings cannot be kept"):
        load_foreign(path, allow_code=True)


def test_several_threads_open_it_at_once(package):
    """Preview, measurement of the speed and tiles each open the model of the list in a thread of their own."""
    path = package(
        code=f"import time; time.sleep(0.3)\n{CODE.strip().replace('from __future__ import annotations', '')}"
    )
    with ThreadPoolExecutor(3) as pool:
        models = list(pool.map(lambda _: load_foreign(path, allow_code=True), range(3)))
    assert [m.scale for m in models] == [2, 2, 2]


def test_a_run_of_its_code_that_was_broken_off_leaves_nothing_half_made(package):
    stop = package.trace.with_name("stop")
    stop.touch()
    first = f"from pathlib import Path\nif Path({str(stop)!r}).exists():\n    raise KeyboardInterrupt\n"
    path = package(code=first + CODE.replace("from __future__ import annotations", ""))
    with pytest.raises(KeyboardInterrupt):
        load_foreign(path, allow_code=True)
    stop.unlink()
    assert load_foreign(path, allow_code=True).scale == 2


def test_its_code_is_compiled_as_it_stands_and_has_a_source(package):
    """Not with our own ``from __future__ import annotations``; and torch.jit.script reads the source."""
    code = """
import warnings
import torch
from torch import nn

def act(image):
    return torch.relu(image)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    act = torch.jit.script(act)

class Net(nn.Module):
    def __init__(self, channels: int, scale: int):
        super().__init__()
        assert Net.__init__.__annotations__["scale"] is int
        self.last = nn.Conv2d(channels, channels * scale**2, 3, padding=1)
        self.scale = scale

    def forward(self, image):
        return nn.functional.pixel_shuffle(act(self.last(image)), self.scale)
"""
    state = torch.nn.Conv2d(1, 4, 3).state_dict()
    path = package(code=code, state={f"last.{k}": v for k, v in state.items()})
    assert load_foreign(path, allow_code=True).scale == 2


def test_too_little_memory_is_answered_by_smaller_tiles(package):
    """As of any other network: torch says it by a RuntimeError."""
    limited = CODE.replace(
        "        return F.",
        "        if image.shape[-1] > 260:\n"
        "            raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')\n"
        "        return F.",
    )
    lr = np.random.default_rng(0).random((400, 380), np.float32)
    model = load_foreign(package(code=limited), allow_code=True)
    sr = upscale(lr, model, device="cpu", precision="fp32")
    free = upscale(lr, load_foreign(package(name="q"), allow_code=True), device="cpu", precision="fp32")
    np.testing.assert_allclose(sr, free, rtol=1e-5, atol=1e-5)


def test_why_it_cannot_be_had_without_its_code_is_said_apart(package):
    path = package()
    description = yaml.safe_load((path / "rdf.yaml").read_text())
    description["weights"]["onnx"] = {"source": "gone.onnx"}
    (path / "rdf.yaml").write_text(yaml.safe_dump(description))
    with pytest.raises(CodeRefused) as caught:
        load_foreign(path)
    assert "onnx: Its file gone.onnx is missing" in caught.value.others
    assert "program code" not in caught.value.others


def test_one_of_our_files_with_code_stays_allowed_once_it_was_added(package, tmp_path):
    model = load_foreign(package(), allow_code=True)
    save(model, tmp_path / "given.safetensors")  # on another computer
    with pytest.raises(CodeRefused):
        manage.add(tmp_path / "given.safetensors")
    manage.add(tmp_path / "given.safetensors", allow_code=True)
    assert store.load_model("given").scale == 2


def test_consent_is_not_asked_for_what_could_not_run_with_it(package):
    with pytest.raises(ModelError, match="none that is known here") as caught:
        load_foreign(package(entry={}))
    assert not isinstance(caught.value, CodeRefused)


def test_a_file_that_is_damaged_later_is_refused(package):
    model = load_foreign(package(), allow_code=True)
    model.network.contents = model.network.contents[:-40].clone()
    model.network._opened = {}
    with pytest.raises(SRError, match="own network is damaged"), torch.inference_mode():
        model.network(torch.rand(1, 1, 8, 8))


def test_a_hash_that_is_right_is_taken(package):
    text = CODE.replace("{trace}", str(package.trace))
    path = package(entry=entry_of(sha256=hashlib.sha256(text.encode()).hexdigest()))
    assert load_foreign(path, allow_code=True).scale == 2
