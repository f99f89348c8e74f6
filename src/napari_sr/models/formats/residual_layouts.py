"""Layouts of networks of residual blocks: EDSR, RCAN, MSRResNet, SRVGGNetCompact, SwinIR."""

from __future__ import annotations

from typing import Any

from napari_sr.errors import ModelError
from napari_sr.models.formats.found import Answers, Question, State
from napari_sr.models.formats.layouts import LAYOUTS, Renamed, Rule, has, renamed
from napari_sr.models.formats.shapes import count
from napari_sr.networks.blocks import DIV2K_MEAN

#: features from which EDSR's residuals are usually multiplied by 0.1
WIDE = 256


def _range(answers: Answers, default: str) -> float:
    question = Question("value_range", "Its images may count from 0 to 1 or to 255.", ("1", "255"), default)
    return float(answers.to(question))


def _official_values(state: State, answers: Answers) -> dict[str, Any]:
    """Return what the authors' code does with values: its layer that takes off the mean shows their range."""
    bias = state.get("sub_mean.bias")
    if bias is None:
        return {"mean": "none", "value_range": _range(answers, "1")}
    for value_range in (1.0, 255.0):
        expected = [-value_range * mean for mean in DIV2K_MEAN]
        if max(abs(float(a) - b) for a, b in zip(bias, expected, strict=True)) < 1e-3 * value_range:
            return {"mean": "div2k", "value_range": value_range}
    raise ModelError("It takes off another mean colour than that of DIV2K.")


def _basicsr_values(state: State, answers: Answers) -> dict[str, Any]:
    colours = state["conv_first.weight"].shape[1] == 3
    return {"mean": "div2k" if colours else "none", "value_range": _range(answers, "255")}


def _res_scale(features: int, answers: Answers) -> float:
    default = "0.1" if features >= WIDE else "1"
    return float(answers.to(Question("res_scale", "Its residuals may be multiplied by 0.1.", ("1", "0.1"), default)))


ENDS: tuple[Rule, ...] = (
    (r"(sub|add)_mean\.\w+", ""),
    (r"head\.0\.(\w+)", r"first.\1"),
    (r"tail\.0\.(\d)\.(\w+)", r"upsample.\1.\2"),
    (r"tail\.1\.(\w+)", r"last.conv.\1"),
    (r"conv_first\.(\w+)", r"first.\1"),
    (r"conv_after_body\.(\w+)", r"after.\1"),
    (r"conv_last\.(\w+)", r"last.conv.\1"),
)


@LAYOUTS.register("edsr-official", title="named as in its authors' code")
def edsr_official(state: State, answers: Answers) -> Renamed | None:
    """Convert ``head.0``, ``body.0.body.0``, ``tail.0.0``, ``tail.1``."""
    if not has(state, "head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight", "tail.1.weight"):
        return None
    blocks = count(state, r"body\.(\d+)\.") - 1
    rules: tuple[Rule, ...] = (
        (r"body\.(\d+)\.body\.0\.(\w+)", r"blocks.\1.conv1.\2"),
        (r"body\.(\d+)\.body\.2\.(\w+)", r"blocks.\1.conv2.\2"),
        (rf"body\.{blocks}\.(\w+)", r"after.\1"),
    )
    given = {**_official_values(state, answers), "res_scale": _res_scale(len(state["head.0.weight"]), answers)}
    return Renamed("edsr", renamed(state, (*rules, *ENDS)), given)


@LAYOUTS.register("edsr", title="named as in BasicSR")
def edsr(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``body.0.conv1``, ``conv_after_body``, ``upsample.0``, ``conv_last``."""
    if not has(state, "conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight", "upsample.0.weight"):
        return None
    rules: tuple[Rule, ...] = ((r"body\.(\d+)\.(conv\d\.\w+)", r"blocks.\1.\2"),)
    given = {**_basicsr_values(state, answers), "res_scale": _res_scale(len(state["conv_first.weight"]), answers)}
    return Renamed("edsr", renamed(state, (*rules, *ENDS)), given)


@LAYOUTS.register("rcan-official", title="named as in its authors' code")
def rcan_official(state: State, answers: Answers) -> Renamed | None:
    """Convert ``head.0``, ``body.0.body.0.body.0``, ``body.0.body.0.body.3.conv_du.0``, ``tail.0.0``, ``tail.1``."""
    if not has(state, "head.0.weight", "body.0.body.0.body.0.weight", "body.0.body.0.body.3.conv_du.0.weight"):
        return None
    groups, blocks = count(state, r"body\.(\d+)\.") - 1, count(state, r"body\.0\.body\.(\d+)\.") - 1
    block = r"body\.(\d+)\.body\.(\d+)\.body"
    rules: tuple[Rule, ...] = (
        (rf"{block}\.0\.(\w+)", r"groups.\1.blocks.\2.conv1.\3"),
        (rf"{block}\.2\.(\w+)", r"groups.\1.blocks.\2.conv2.\3"),
        (rf"{block}\.3\.conv_du\.0\.(\w+)", r"groups.\1.blocks.\2.attention.down.\3"),
        (rf"{block}\.3\.conv_du\.2\.(\w+)", r"groups.\1.blocks.\2.attention.up.\3"),
        (rf"body\.(\d+)\.body\.{blocks}\.(\w+)", r"groups.\1.conv.\2"),
        (rf"body\.{groups}\.(\w+)", r"after.\1"),
    )
    return Renamed("rcan", renamed(state, (*rules, *ENDS)), {"head": "linear", **_official_values(state, answers)})


@LAYOUTS.register("rcan", title="named as in BasicSR")
def rcan(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``body.0.residual_group.0.rcab.0``, ``rcab.3.attention.1``, ``conv_after_body``."""
    if not has(state, "conv_first.weight", "body.0.residual_group.0.rcab.0.weight", "conv_after_body.weight"):
        return None
    block = r"body\.(\d+)\.residual_group\.(\d+)\.rcab"
    rules: tuple[Rule, ...] = (
        (rf"{block}\.0\.(\w+)", r"groups.\1.blocks.\2.conv1.\3"),
        (rf"{block}\.2\.(\w+)", r"groups.\1.blocks.\2.conv2.\3"),
        (rf"{block}\.3\.attention\.1\.(\w+)", r"groups.\1.blocks.\2.attention.down.\3"),
        (rf"{block}\.3\.attention\.3\.(\w+)", r"groups.\1.blocks.\2.attention.up.\3"),
        (r"body\.(\d+)\.conv\.(\w+)", r"groups.\1.conv.\2"),
    )
    return Renamed("rcan", renamed(state, (*rules, *ENDS)), {"head": "linear", **_basicsr_values(state, answers)})


@LAYOUTS.register("msrresnet", title="named as in BasicSR and KAIR")
def msrresnet(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``body.0.conv1`` or ``recon_trunk.0.conv1``, ``upconv1``, ``conv_hr`` or ``HRconv``."""
    if not has(state, "conv_first.weight", "upconv1.weight", "conv_last.weight") or not (
        has(state, "body.0.conv1.weight") or has(state, "recon_trunk.0.conv1.weight")
    ):
        return None
    rules: tuple[Rule, ...] = (
        (r"(?:body|recon_trunk)\.(\d+)\.(conv\d\.\w+)", r"blocks.\1.\2"),
        (r"upconv1\.(\w+)", r"upsample.0.\1"),
        (r"upconv2\.(\w+)", r"upsample.1.\1"),
        (r"(?:conv_hr|HRconv)\.(\w+)", r"fine.\1"),
    )
    return Renamed("msrresnet", renamed(state, (*rules, *ENDS)))


@LAYOUTS.register("srvgg", title="named as in Real-ESRGAN")
def srvgg(state: State, answers: Answers) -> Renamed | None:
    """Convert ``body.0``, ``body.1`` (a PReLU), … and the convolution before the shuffle."""
    last = count(state, r"body\.(\d+)\.") - 1
    slopes, end = state.get("body.1.weight"), state.get(f"body.{last}.weight")
    if not has(state, "body.0.weight") or slopes is None or slopes.ndim != 1 or end is None or end.ndim != 4:
        return None
    numbered: tuple[Rule, ...] = tuple(
        (rf"body\.{number}\.(\w+)", rf"body.{number - 1}.\1") for number in range(1, last)
    )
    rules: tuple[Rule, ...] = ((r"body\.0\.(\w+)", r"first.\1"), (rf"body\.{last}\.(\w+)", r"last.conv.\1"), *numbered)
    colours = state["body.0.weight"].shape[1]
    return Renamed("srvgg", renamed(state, rules), {"in_channels": colours, "out_channels": colours})


@LAYOUTS.register("swinir", title="named as in its authors' code")
def swinir(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``layers.0.residual_group.blocks.0.attn.qkv``, ``conv_after_body`` and its upsamplers."""
    layer = "layers.0.residual_group.blocks.0"
    if not has(state, "conv_first.weight", f"{layer}.attn.relative_position_bias_table", f"{layer}.mlp.fc1.weight"):
        return None
    fine = "conv_before_upsample.0.weight" in state
    if not fine and "upsample.0.weight" not in state:
        return None  # made for noise or compression, at scale 1
    block = r"layers\.(\d+)\.residual_group\.blocks\.(\d+)"
    rules: tuple[Rule, ...] = (
        (rf"{block}\.(attn\.relative_position_index|attn_mask)", ""),
        (rf"{block}\.attn\.relative_position_bias_table", r"blocks.\1.layers.\2.attention.position_bias"),
        (rf"{block}\.attn\.qkv\.(\w+)", r"blocks.\1.layers.\2.attention.qkv.\3"),
        (rf"{block}\.attn\.proj\.(\w+)", r"blocks.\1.layers.\2.attention.out.\3"),
        (rf"{block}\.norm(\d)\.(\w+)", r"blocks.\1.layers.\2.norm\3.\4"),
        (rf"{block}\.mlp\.fc1\.(\w+)", r"blocks.\1.layers.\2.mlp.0.\3"),
        (rf"{block}\.mlp\.fc2\.(\w+)", r"blocks.\1.layers.\2.mlp.2.\3"),
        (r"layers\.(\d+)\.conv\.(.+)", r"blocks.\1.conv.\2"),
        (r"patch_embed\.norm\.(\w+)", r"norm1.\1"),
        (r"norm\.(\w+)", r"norm2.\1"),
        (r"conv_after_body\.(.+)", r"after.\1"),
        (r"conv_before_upsample\.0\.(\w+)", r"before.0.\1"),
        (r"conv_up1\.(\w+)", r"upsample.0.\1"),
        (r"conv_up2\.(\w+)", r"upsample.1.\1"),
        (r"conv_hr\.(\w+)", r"fine.\1"),
        *(() if fine else ((r"upsample\.0\.(\w+)", r"last.conv.\1"),)),
    )
    kind = "pixelshuffledirect" if not fine else "nearest+conv" if "conv_up1.weight" in state else "pixelshuffle"
    colours = state["conv_first.weight"].shape[1]
    given = {
        "upsampler": kind, "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "in_channels": colours, "out_channels": colours, "mean": "div2k" if colours == 3 else "none",
    }  # fmt: skip
    if kind == "nearest+conv":
        given["scale"] = 4 if "conv_up2.weight" in state else 2
    return Renamed("swinir", renamed(state, (*rules, *ENDS)), given)
