"""What "auto" stands for, on processors with and without fast bfloat16."""

import json

import numpy as np
import pytest
import torch

from napari_sr import load_model
from napari_sr.inference import Finished, Upscaler, iter_upscale, upscale
from napari_sr.inference.device import choose, cpu_has_fast_bf16

EXACT = ("nearest-x2", "bilinear-x2", "bicubic-x2", "lanczos-x2", "em-wiener-x4")


def test_auto_is_bf16_where_it_is_fast_and_what_is_asked_for_stays(automatic):
    assert cpu_has_fast_bf16() == (automatic == "bf16")
    assert choose().precision == choose("cpu").precision == automatic
    assert [choose("cpu", asked).precision for asked in ("fp32", "bf16")] == ["fp32", "bf16"]


@pytest.mark.parametrize("which", ["amx_bf16", "avx512_bf16"])
def test_either_kind_of_product_is_fast(which, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {which: True})
    assert cpu_has_fast_bf16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not cpu_has_fast_bf16()


def test_an_automatic_run_is_the_one_of_the_precision_that_it_names(automatic, model, image):
    *_, last = iter_upscale(image, model)
    assert isinstance(last, Finished)
    assert last.report.precision == automatic
    assert f"in {automatic}" in last.report.sentence()
    np.testing.assert_array_equal(last.image, upscale(image, model, device="cpu", precision=automatic))
    place = {"axes": "YX", "index": (), "rows": slice(10, 40), "columns": slice(20, 60)}
    window = Upscaler(model).window(image, **place)
    assert window.report.precision == automatic
    named = Upscaler(model, device="cpu", precision=automatic).window(image, **place)
    np.testing.assert_array_equal(window.image, named.image)
    other = {"bf16": "fp32", "fp32": "bf16"}[automatic]
    assert (last.image != upscale(image, model, device="cpu", precision=other)).any()  # it was another arithmetic


@pytest.mark.parametrize("name", EXACT)
def test_interpolations_and_filters_are_computed_in_single_precision_whatever_is_asked_for(name, automatic, image):
    expected = upscale(image, load_model(name), device="cpu", precision="fp32", dtype=np.float32)
    for precision in ("auto", "bf16"):
        found = upscale(image, load_model(name), device="cpu", precision=precision, dtype=np.float32)
        np.testing.assert_array_equal(found, expected)


def test_the_doctor_says_it(automatic, capsys):
    from napari_sr.cli.doctor import command

    command(as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["fast bfloat16 on the CPU"] == (automatic == "bf16")
    assert facts["used for inference"] == f"CPU, {automatic}"
