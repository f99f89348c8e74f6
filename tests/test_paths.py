"""Files and folders that are there and cannot be opened; whoever is root can open them all, so that it is pretended."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from small_models import make_model

from napari_sr.errors import ImageError, ModelError
from napari_sr.images.listing import image_files
from napari_sr.images.readers import read_image
from napari_sr.models import model as model_module
from napari_sr.models.formats import load_foreign
from napari_sr.models.model import load, save
from napari_sr.models.store import user_folder
from napari_sr.paths import reason, why_not_listed, why_not_open


@pytest.fixture
def locked(monkeypatch):
    """Names of files and folders that nobody may open."""
    names = set()

    def guarded(method):
        def call(self, *arguments, **settings):
            if self.name in names:
                raise PermissionError(13, os.strerror(13), str(self))
            return method(self, *arguments, **settings)

        return call

    for method in ("open", "iterdir"):
        monkeypatch.setattr(Path, method, guarded(getattr(Path, method)))
    return names


def test_reasons_are_words_without_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    assert why_not_open(tmp_path / "file") == ""
    assert why_not_open(tmp_path / "none") == os.strerror(2)
    assert why_not_listed(tmp_path / "none") == ""
    assert why_not_listed(tmp_path) == ""
    if sys.platform != "win32":  # which has another word for it
        assert why_not_open(tmp_path / "file" / "inside") == "a file stands where a folder is needed"
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "file").mkdir()
    assert reason(caught.value) == "a file stands where a folder is needed"
    assert reason(ValueError("odd")) == "odd"


def test_one_image_that_cannot_be_opened_does_not_keep_the_others_back(locked, tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((8, 8), np.uint8))
    locked.add("b.tif")
    assert [f.name for f in image_files(tmp_path)] == ["a.tif", "b.tif"]
    with pytest.raises(ImageError, match=f"b.tif cannot be opened: {os.strerror(13)}"):
        read_image(tmp_path / "b.tif")


def test_a_model_that_cannot_be_opened_is_not_said_to_be_missing(locked, tmp_path, monkeypatch):
    save(make_model(), tmp_path / "m.safetensors")
    (tmp_path / "m.pth").write_bytes(b"x")
    locked.update(("m.safetensors", "m.pth"))

    def refuse(path, framework):  # as safetensors has it
        raise FileNotFoundError(f"No such file or directory: {path}")

    monkeypatch.setattr(model_module, "safe_open", refuse)
    with pytest.raises(ModelError, match=f"m.safetensors cannot be opened: {os.strerror(13)}"):
        load(tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=f"m.pth cannot be opened: {os.strerror(13)}"):
        load_foreign(tmp_path / "m.pth")
    with pytest.raises(ModelError, match="There is no file"):
        load(tmp_path / "none.safetensors")


def test_a_folder_of_models_that_cannot_be_seen_is_said_to_be(locked, shell):
    user_folder().mkdir(parents=True)
    locked.add(user_folder().name)
    _, told, _ = shell("models")
    assert f"What is in that folder cannot be seen: {os.strerror(13)}." in " ".join(told.split())
    locked.clear()
    assert "cannot be seen" not in shell("models")[1]
