"""Losses on the features of VGG19: perceptual content and texture."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from napari_sr.errors import ConfigError
from napari_sr.losses import LOSSES

Distance = Literal["l1", "l2"]
ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
#: the losses of this module, which need weights that are fetched
OF_FEATURES = frozenset({"perceptual", "texture"})
#: instead of a file: no weights are fetched, to measure how long a step takes
RANDOM = "random"
#: channels of the convolutions of VGG19's five blocks
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def vgg19(layer: str, weights: str = "", *, after_activation: bool = False) -> nn.Sequential:
    """Return VGG19 up to the convolution called ``layer``, with weights and frozen.

    Parameters
    ----------
    layer
        ``conv<block>_<number>``, e.g. ``conv3_4``.
    weights
        File of torchvision's VGG19 weights; torch.hub's cache, filled on first use, if empty. :data:`RANDOM` for
        random ones, which take as long and tell nothing.
    after_activation
        The ReLU behind the layer is the last one; otherwise the convolution is.

    Raises
    ------
    ConfigError
        If there is no such layer, or the weights cannot be had.
    """
    names = [f"conv{b}_{n}" for b, (_, count) in enumerate(BLOCKS, start=1) for n in range(1, count + 1)]
    if layer not in names:
        raise ConfigError(f"VGG19 has no layer {layer!r}; it has {', '.join(names)}.")
    layers: list[nn.Module] = []
    width = 3
    for block, (channels, count) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            layers.append(nn.Conv2d(width, channels, 3, padding=1))
            width = channels
            if f"conv{block}_{number}" == layer:
                network = nn.Sequential(*layers, *([nn.ReLU()] if after_activation else []))
                if weights == RANDOM:
                    return network.eval().requires_grad_(False)
                state = read_weights(weights)
                network.load_state_dict({k: state[f"features.{k}"] for k in network.state_dict()})
                return network.eval().requires_grad_(False)
            layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
    raise AssertionError("every name was built above")


def cached() -> Path:
    """Return where the weights lie once they were fetched."""
    return Path(torch.hub.get_dir()) / "checkpoints" / ADDRESS.rsplit("/", 1)[1]


def read_weights(file: str) -> dict[str, Tensor]:
    """Return VGG19's state dict from a file or from torch.hub's cache."""
    if file:
        path = Path(file)
        if not path.is_file():
            raise ConfigError(f"VGG19 weights: there is no file {file}.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if not digest.startswith("dcbb9e9d"):
            raise ConfigError(f"VGG19 weights: {file} is not the file that {ADDRESS} has (its SHA-256 differs).")
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    try:
        return torch.hub.load_state_dict_from_url(
            ADDRESS, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # no network, or torch's word for a wrong hash
        raise ConfigError(
            f"This loss compares features of VGG19, whose weights (548 MB) could not be fetched from {ADDRESS} "
            f"({error}). "
            f"Fetch the file on another computer and put it into {cached().parent}, or choose a method without it."
        ) from None


class Features(nn.Module):
    """Features of VGG19 of a gray image in network values."""

    def __init__(self, *, layer: str, weights: str, lower: float, upper: float, after_activation: bool = False) -> None:
        super().__init__()
        self.network = vgg19(layer, weights, after_activation=after_activation)
        self.lower, self.upper = lower, upper
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        colours = ((image - self.lower) / (self.upper - self.lower)).expand(-1, 3, -1, -1)
        features: Tensor = self.network((colours - self.mean) / self.std)
        return features


@LOSSES.register("perceptual", title="perceptual (VGG19 features)", reference="Johnson et al. 2016, arXiv:1603.08155")
class Perceptual(nn.Module):
    """Mean |phi(pred) - phi(target)|, or its square, of features phi of VGG19.

    ESRGAN compares them before the activation and absolutely (the default), SRGAN after it and squared
    (Ledig et al. 2017, arXiv:1609.04802, eq. 5).

    Parameters
    ----------
    layer
        ``conv<block>_<number>``.
    distance
        ``l1``: absolute differences; ``l2``: squared ones.
    after_activation
        Compare what the layer's ReLU lets through.
    weights
        See :func:`vgg19`.
    """

    def __init__(
        self,
        *,
        layer: str = "conv3_4",
        distance: Distance = "l1",
        after_activation: bool = False,
        weights: str = "",
        lower: float = 0.0,
        upper: float = 1.0,
    ) -> None:
        super().__init__()
        self.distance = distance
        self.features = Features(
            layer=layer, weights=weights, lower=lower, upper=upper, after_activation=after_activation
        )

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        difference = self.features(pred) - self.features(target)
        distance: Tensor = (difference.abs() if self.distance == "l1" else difference.square()).mean()
        return distance


@LOSSES.register("texture", title="texture (Gram matrices of VGG19)", reference="Gatys et al. 2015, arXiv:1505.07376")
class Texture(nn.Module):
    """Mean squared difference of the Gram matrices of VGG19's features: which go together, not where."""

    def __init__(self, *, layer: str = "conv3_4", weights: str = "", lower: float = 0.0, upper: float = 1.0) -> None:
        super().__init__()
        self.features = Features(layer=layer, weights=weights, lower=lower, upper=upper)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        return (gram(self.features(pred)) - gram(self.features(target))).square().mean()


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices (N, F, F) of features (N, F, H, W), per pixel and channel."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[1] / flat.shape[2]
