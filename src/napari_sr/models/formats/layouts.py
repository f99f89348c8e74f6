"""Published layouts of weights, each as rules that rename them to those of a network of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from napari_sr.models.formats.found import Answers, Question, State
from napari_sr.models.formats.shapes import count
from napari_sr.registry import Registry

#: pattern of a whole name, and what it becomes: as :func:`re.sub` takes it
Rule = tuple[str, str]


@dataclass(frozen=True)
class Renamed:
    """Weights in our names.

    Attributes
    ----------
    network, state
        Name in ``NETWORKS``, and its weights. A name that no rule knows stays, and is refused later.
    given
        Hyper-parameters that shapes do not show.
    notes
        For people.
    """

    network: str
    state: State
    given: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


#: a layout looks at a state dict; None if it is not of this layout
Layout = Callable[[State, Answers], Renamed | None]
LAYOUTS: Registry[Layout] = Registry(kind="layout", package="napari_sr.models.formats")


def renamed(state: State, rules: tuple[Rule, ...]) -> dict[str, Tensor]:
    """Return weights by their new names; the first rule that fits a whole name counts. No name: it is not needed."""
    result = {}
    for name, value in state.items():
        for pattern, new in rules:
            match = re.fullmatch(pattern, name)
            if match:
                name = match.expand(new)
                break
        if name:
            result[name] = value
    return result


def has(state: State, *names: str) -> bool:
    """Return True if a state dict has all of some names."""
    return all(name in state for name in names)


RRDB_NEW: tuple[Rule, ...] = (
    (r"conv_first\.(\w+)", r"first.\1"),
    (r"body\.(\d+)\.rdb(\d)\.conv(\d)\.(\w+)", r"blocks.\1.blocks.\2.convs.\3.\4"),
    (r"body\.(\d+)\.rdb(\d)\.shortcut\.(\w+)", r"blocks.\1.blocks.\2.shortcut.\3"),
    (r"conv_body\.(\w+)", r"after.\1"),
    (r"conv_up(\d)\.(\w+)", r"upsample.\1.\2"),
    (r"conv_hr\.(\w+)", r"fine.\1"),
    (r"conv_last\.(\w+)", r"last.conv.\1"),
)


def _rrdb(state: State, answers: Answers, network: str = "rrdb") -> Renamed | None:
    """Convert RRDBNet as BasicSR names it: 12 channels in for 3 out are squares of 2 x 2 pixels."""
    state = {_from_zero(name): value for name, value in renamed(state, RRDB_NEW).items()}
    given: dict[str, Any] = {"head": "linear", **({"noise": False} if network == "esrgan-plus" else {})}
    steps = count(state, r"upsample\.(\d+)\.")
    if any(state[n].ndim != 4 for n in ("first.weight", "last.conv.weight")):
        return None
    taken, made = (state[n].shape[axis] for n, axis in (("first.weight", 1), ("last.conv.weight", 0)))
    if taken in (4 * made, 16 * made) and network == "rrdb":
        side = {4: 2, 16: 4}[taken // made]
        given |= {"unshuffle": side, "in_channels": made, "scale": 2**steps // side}
    elif steps == 1:
        question = Question("scale", "It has one step of upsampling, by 2 or by 3.", ("2", "3"), "2")
        given["scale"] = int(answers.to(question))
    else:
        given["scale"] = 2**steps
    # those of scale 1 are no network of ours
    return Renamed(network, state, given) if given["scale"] > 1 else None


def _from_zero(name: str) -> str:
    """Count dense blocks, their convolutions and steps of upsampling from zero, where they are counted from one."""
    for pattern in (r"(blocks\.\d+\.blocks\.)(\d)(\..*)", r"(.*\.convs\.)(\d)(\..*)", r"(upsample\.)(\d)(\..*)"):
        if match := re.fullmatch(pattern, name):
            name = f"{match[1]}{int(match[2]) - 1}{match[3]}"
    return name


@LAYOUTS.register("rrdb", title="named as in BasicSR and Real-ESRGAN")
def rrdb(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``body.0.rdb1.conv1``, ``conv_body``, ``conv_up1``, ``conv_hr``, ``conv_last``."""
    if not has(state, "conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"):
        return None
    return _rrdb(state, answers)


@LAYOUTS.register("rrdb-trunk", title="named as in ESRGAN, BSRGAN and KAIR")
def rrdb_trunk(state: State, answers: Answers) -> Renamed | None:
    """Convert ``conv_first``, ``RRDB_trunk.0.RDB1.conv1``, ``trunk_conv``, ``upconv1``, ``HRconv``, ``conv_last``."""
    if not has(state, "conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "conv_last.weight"):
        return None
    rules: tuple[Rule, ...] = (
        (r"RRDB_trunk\.(\d+)\.RDB(\d)\.(conv\d\.\w+)", r"body.\1.rdb\2.\3"),
        (r"trunk_conv\.(\w+)", r"conv_body.\1"),
        (r"upconv(\d)\.(\w+)", r"conv_up\1.\2"),
        (r"HRconv\.(\w+)", r"conv_hr.\1"),
    )
    return _rrdb(renamed(state, rules), answers)


@LAYOUTS.register("rrdb-old", title="named as in the first ESRGAN")
def rrdb_old(state: State, answers: Answers) -> Renamed | None:
    """Convert ``model.0``, ``model.1.sub.0.RDB1.conv1.0``, and numbers after that; with ``conv1x1``, ESRGAN+."""
    if not has(state, "model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"):
        return None
    network = "esrgan-plus" if any(".conv1x1." in name for name in state) else "rrdb"
    last, blocks = count(state, r"model\.(\d+)\.") - 1, count(state, r"model\.1\.sub\.(\d+)\.") - 1
    steps = (last - 4) // 3  # interpolation, convolution, activation each
    rules: list[Rule] = [
        (r"model\.0\.(\w+)", r"conv_first.\1"),
        (r"model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(\w+)", r"body.\1.rdb\2.\3.\4"),
        (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv1x1\.(\w+)", r"body.\1.rdb\2.shortcut.\3"),
        (rf"model\.1\.sub\.{blocks}\.(\w+)", r"conv_body.\1"),
        (rf"model\.{last - 2}\.(\w+)", r"conv_hr.\1"),
        (rf"model\.{last}\.(\w+)", r"conv_last.\1"),
    ]
    rules += [(rf"model\.{3 * (step + 1)}\.(\w+)", rf"conv_up{step + 1}.\1") for step in range(steps)]
    return _rrdb(renamed(state, tuple(rules)), answers, network)


@LAYOUTS.register("srresnet", title="named as in a common PyTorch version of SRGAN")
def srresnet(state: State, answers: Answers) -> Renamed | None:
    """Convert ``block1.0``, ``block2.conv1``, ``block8.0.conv``; its output is (tanh + 1) / 2 = sigmoid(2x)."""
    if not has(state, "block1.0.weight", "block2.conv1.weight", "block2.prelu.weight", "block8.0.conv.weight"):
        return None
    after, ups = count(state, r"block(\d+)\.") - 2, count(state, r"block\d+\.(\d+)\.conv\.")
    end = after + 1
    rules: tuple[Rule, ...] = (
        (r"block1\.0\.(\w+)", r"first.\1"),
        (r"block1\.1\.weight", r"act.weight"),
        (rf"block{after}\.(\d)\.(\w+)", r"after.\1.\2"),
        (rf"block{end}\.{ups}\.(\w+)", r"last.conv.\1"),
        (rf"block{end}\.(\d)\.prelu\.weight", r"upsample.\1.act.weight"),
        (rf"block{end}\.(\d)\.conv\.(\w+)", r"upsample.\1.conv.\2"),
        (r"block(\d+)\.conv(\d)\.(\w+)", r"blocks.\1.conv\2.\3"),
        (r"block(\d+)\.bn(\d)\.(\w+)", r"blocks.\1.norm\2.\3"),
        (r"block(\d+)\.prelu\.weight", r"blocks.\1.act.weight"),
    )
    ours = {
        re.sub(r"^blocks\.(\d+)", lambda m: f"blocks.{int(m[1]) - 2}", name): value
        for name, value in renamed(state, rules).items()
    }
    for name in ("last.conv.weight", "last.conv.bias"):
        ours[name] = 2 * ours[name]
    return Renamed("srresnet", ours, {"head": "sigmoid"})
