"""What rounding to bfloat16 costs a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from napari_sr import load_sample
from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.inference.device import Target, prepare
from napari_sr.intensity import FittedIntensity
from napari_sr.metrics.pixel import psnr
from napari_sr.metrics.structural import ssim
from napari_sr.models.model import Model

Run = Callable[[Tensor], Tensor]


def told_to(model: Model) -> Mapping[str, float]:
    """Return what a model is told of the images of :func:`lost`."""
    return {"blur": 0.8, "noise": 0.2, "shot": 0.0} if model.network.conditions else {}


def rounding_of(model: Model) -> float:
    """Return the root mean square difference that bfloat16 makes, on the processor, in network values."""
    seen = example(model)[0]
    told = told_to(model)
    with torch.inference_mode():
        sr = [prepare(model.network, Target("cpu", precision), told)(seen).float() for precision in ("fp32", "bf16")]
    return float((sr[0] - sr[1]).square().mean().sqrt())


def example(model: Model) -> tuple[Tensor, np.ndarray, FittedIntensity]:
    """Return an LR image as a network sees it, of a drawn section, that section, and the intensity transform."""
    hr = np.asarray(load_sample("em-phantom").hr)[64:320, 64:320]
    lr = low_resolution(hr, make_degradation("em", model.scale), np.random.default_rng(0))
    fitted = model.intensity.fit(lr)
    return torch.from_numpy(fitted.forward(lr))[None, None], hr, fitted


def lost(model: Model, whole: Run, rounded: Run) -> tuple[float, float]:
    """Return the PSNR and SSIM that one network has more than another, on a drawn section; border of 8 pixels."""
    seen, hr, fitted = example(model)
    target, data_range = hr[8:-8, 8:-8].astype(float), float(np.ptp(hr))
    figures = []
    for run in (whole, rounded):
        with torch.inference_mode():
            sr = fitted.inverse(run(seen)[0, 0].float().numpy())[8:-8, 8:-8]
        figures.append([measure(sr, target, data_range=data_range) for measure in (psnr, ssim)])
    return figures[0][0] - figures[1][0], figures[0][1] - figures[1][1]
