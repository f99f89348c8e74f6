"""Networks as others publish them, small, with random weights: their own code where it can be had, copies elsewhere.

Each is for three colours and takes values from 0 to 1; :func:`grey` is what it makes of a grey image.
"""

from __future__ import annotations

import math
import re
import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN = (0.4488, 0.4371, 0.4040)


def forget(*packages: str) -> None:
    """Let packages be imported anew."""
    for name in [n for n in sys.modules if n.split(".")[0] in packages]:
        del sys.modules[name]


def grey(module, lr: Tensor) -> Tensor:
    """The mean of what a network makes of the same image in all colours."""
    with torch.inference_mode():
        return module(lr.expand(-1, 3, -1, -1).clone()).mean(1, keepdim=True)


def made(module: nn.Module, gain: float = 1.5) -> nn.Module:
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.data.mul_(gain)
    return module.eval()


def new_names(old: dict[str, Tensor], *, trunk: bool = False) -> dict[str, Tensor]:
    """Names of BasicSR, or of ESRGAN's second version, for weights with those of its first (×4)."""
    names = {"0": "conv_first", "3": "conv_up1", "6": "conv_up2", "8": "conv_hr", "10": "conv_last"}
    if trunk:
        names |= {"3": "upconv1", "6": "upconv2", "8": "HRconv"}
    found = {}
    for key, value in old.items():
        if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(\w+)", key):
            pattern = "RRDB_trunk.{}.RDB{}.conv{}.{}" if trunk else "body.{}.rdb{}.conv{}.{}"
            found[pattern.format(*match.groups())] = value
        elif match := re.fullmatch(r"model\.1\.sub\.\d+\.(\w+)", key):
            found[f"{'trunk_conv' if trunk else 'conv_body'}.{match[1]}"] = value
        else:
            _, number, kind = key.split(".")
            found[f"{names[number]}.{kind}"] = value
    return found


class Shift(nn.Conv2d):
    """EDSR's MeanShift."""

    def __init__(self, value_range: float, sign: int) -> None:
        super().__init__(3, 3, 1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias.data = sign * value_range * torch.tensor(MEAN)
        self.requires_grad_(False)


class OfficialBlock(nn.Module):
    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.body = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.ReLU(), nn.Conv2d(features, features, 3, padding=1)
        )

    def forward(self, x):
        return x + self.body(x) * self.res_scale


class OfficialEDSR(nn.Module):
    """EDSR-PyTorch's model/edsr.py: it counts from 0 to its range."""

    def __init__(self, scale: int, features: int, res_scale: float, value_range: float) -> None:
        super().__init__()
        self.value_range = value_range
        self.sub_mean, self.add_mean = Shift(value_range, -1), Shift(value_range, 1)
        self.head = nn.Sequential(nn.Conv2d(3, features, 3, padding=1))
        blocks = [OfficialBlock(features, res_scale) for _ in range(2)]
        self.body = nn.Sequential(*blocks, nn.Conv2d(features, features, 3, padding=1))
        self.tail = nn.Sequential(upsampler(scale, features), nn.Conv2d(features, 3, 3, padding=1))

    def forward(self, x):
        x = self.head(self.sub_mean(x * self.value_range))
        return self.add_mean(self.tail(self.body(x) + x)) / self.value_range


def upsampler(scale: int, features: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for factor in [3] if scale == 3 else [2] * int(math.log2(scale)):
        layers += [nn.Conv2d(features, factor**2 * features, 3, padding=1), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


class NoBN(nn.Module):
    """BasicSR's ResidualBlockNoBN."""

    def __init__(self, features: int, res_scale: float = 1.0) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x))) * self.res_scale


class BasicEDSR(nn.Module):
    """BasicSR's archs/edsr_arch.py."""

    def __init__(self, scale: int, features: int, value_range: float = 255.0) -> None:
        super().__init__()
        self.value_range, self.mean = value_range, torch.tensor(MEAN).view(1, 3, 1, 1)
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*(NoBN(features) for _ in range(2)))
        self.conv_after_body = nn.Conv2d(features, features, 3, padding=1)
        self.upsample = upsampler(scale, features)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x):
        x = self.conv_first((x - self.mean) * self.value_range)
        x = self.conv_last(self.upsample(self.conv_after_body(self.body(x)) + x))
        return x / self.value_range + self.mean


class MSRResNet(nn.Module):
    """BasicSR's archs/srresnet_arch.py."""

    def __init__(self, scale: int, features: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*(NoBN(features) for _ in range(2)))
        self.upconv1 = nn.Conv2d(features, features * (9 if scale == 3 else 4), 3, padding=1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(features, features * 4, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x):
        out = self.body(F.leaky_relu(self.conv_first(x), 0.1))
        out = F.leaky_relu(F.pixel_shuffle(self.upconv1(out), 3 if self.scale == 3 else 2), 0.1)
        if self.scale == 4:
            out = F.leaky_relu(F.pixel_shuffle(self.upconv2(out), 2), 0.1)
        out = self.conv_last(F.leaky_relu(self.conv_hr(out), 0.1))
        return out + F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)


class SRGANBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class SRGANUpsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels * 4, 3, padding=1)
        self.prelu = nn.PReLU()

    def forward(self, x):
        return self.prelu(F.pixel_shuffle(self.conv(x), 2))


class SRGAN(nn.Module):
    """A common PyTorch version of SRGAN's generator (leftthomas/SRGAN)."""

    def __init__(self, scale: int, features: int) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, features, 9, padding=4), nn.PReLU())
        for number in range(2, 7):
            setattr(self, f"block{number}", SRGANBlock(features))
        self.block7 = nn.Sequential(nn.Conv2d(features, features, 3, padding=1), nn.BatchNorm2d(features))
        ups = [SRGANUpsample(features) for _ in range(int(math.log2(scale)))]
        self.block8 = nn.Sequential(*ups, nn.Conv2d(features, 3, 9, padding=4))

    def forward(self, x):
        first = x = self.block1(x)
        for number in range(2, 8):
            x = getattr(self, f"block{number}")(x)
        return (torch.tanh(self.block8(first + x)) + 1) / 2
