"""Models of the bioimage.io model zoo, from their packages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sr.errors import CodeRefused, ModelError, SRError
from napari_sr.models.formats import convert, own_code, zoo
from napari_sr.models.formats.checkpoint import Weights, read_checkpoint, weights_in
from napari_sr.models.formats.found import Answers, Found, OpenQuestion
from napari_sr.models.formats.package import Package, read_package
from napari_sr.models.formats.probe import probed
from napari_sr.models.formats.processing import Processing, processing
from napari_sr.models.formats.rdf import Image, images
from napari_sr.networks.foreign_base import Around
from napari_sr.networks.foreign_bytes import as_bytes

#: tiles, LR pixels, of networks that see from where a tile begins
PATCHES = (128, 512)
TRUST = "if you trust where it came from, allow it (in a shell: --allow-code)"


@dataclass(frozen=True)
class Described:
    """A package's description, read."""

    package: Package
    taken: Image
    made: Image
    processing: Processing

    @property
    def weights(self) -> Mapping[str, Any]:
        """Entries of weights by their formats."""
        found: Mapping[str, Any] = self.package.description.get("weights") or {}
        return found


def find(path: Path, answers: Answers, *, allow_code: bool) -> Found:
    """Return the network in a package: from its safest weights that can be used.

    Raises
    ------
    ModelError
        If none can be, with what is wrong with each.
    """
    try:
        package = read_package(path)
        taken, made = images(package.description)
        described = Described(package, taken, made, processing(taken, made))
        found = _first(described, answers, allow_code=allow_code)
    except OpenQuestion:
        raise
    except SRError as error:
        text = f"{path.name} cannot be used. {error}"
        # who is asked may allow it
        raise (CodeRefused(text, error.others) if isinstance(error, CodeRefused) else ModelError(text)) from None
    factor = made.factor
    if factor is not None and factor != found.detected.scale:
        raise ModelError(
            f"{path.name} cannot be used. Its description says that it upscales by {factor}, but it does by "
            f"{found.detected.scale}."
        )
    notes = (*found.detected.notes, *described.processing.notes)
    return replace(found, detected=replace(found.detected, notes=notes), about={**found.about, **_about(package)})


@dataclass(frozen=True)
class Way:
    """One way to the network of a package: its entry of weights, and what is said before code of it may run."""

    weights: str
    find: Callable[[Described, Answers], Found]
    code: str = ""


def _first(described: Described, answers: Answers, *, allow_code: bool) -> Found:
    """Try the weights, the safest first: a graph, arrays of a network that is known, code."""
    problems, refused = [], []
    for way in WAYS:
        entry = described.weights.get(way.weights)
        if entry is None or (way.find is _own_code and not entry.get("architecture")):
            continue
        if way.code and not allow_code:
            refused.append(f"{way.weights}: {way.code}; {TRUST}")
            continue
        try:
            return way.find(described, answers)
        except OpenQuestion:
            raise
        except SRError as error:
            problems.append(f"{way.weights}: {error}")
    unknown = [kind for kind in described.weights if kind not in {way.weights for way in WAYS}]
    problems += [f"{', '.join(unknown)}: not read here"] if unknown else []
    others = _listed(problems)
    text = f"None of its weights can be used. {_listed([*problems, *refused])}"
    raise CodeRefused(text, others) if refused else ModelError(text)


def _listed(problems: list[str]) -> str:
    return " ".join(f"({p.rstrip('.')})" for p in problems)


def _entry(described: Described, kind: str) -> bytes:
    entry = described.weights[kind]
    return described.package.read(entry["source"], entry.get("sha256"))


def _onnx(described: Described, answers: Answers) -> Found:
    return _whole(described, answers, "onnx", _entry(described, "onnx"), "bioimage.io model, onnx weights")


def _torchscript(described: Described, answers: Answers) -> Found:
    title = "bioimage.io model, torchscript weights"
    return _whole(described, answers, "torchscript", _entry(described, "torchscript"), title)


def _whole(described: Described, answers: Answers, network: str, contents: bytes, title: str) -> Found:
    """Return a network that is kept as bytes, after running it."""
    taken, made = described.taken, described.made
    around, patch = _around(described)
    axes = {} if taken.axes == made.axes == "bcyx" else {"axes": taken.axes, "axes_out": made.axes}
    channels = (taken.channels,) if taken.channels else (1, 3)
    found = probed(network, title, as_bytes(contents), around, answers, axes=axes, channels=channels)
    measure = found.measure and around.step == 1 and around.reach is None
    return replace(
        found, intensity=described.processing.intensity, measure=measure, trained_patch=found.trained_patch or patch
    )


def _around(described: Described) -> tuple[Around, int]:
    """Return what the network needs around it, and the side of tiles if they must not be cut sharply."""
    first, second = described.taken.sizes
    own, factor = described.processing, described.made.factor or 1
    halo = -(-described.made.halo // max(int(factor), 1))
    around = Around(before=own.before, after=own.after)
    if isinstance(first, int) and isinstance(second, int):
        return replace(around, fixed=(first, second)), min(first, second)
    if first != second:
        raise ModelError(f"It takes other sizes along y ({first}) than along x ({second}).")
    least, step = first or (1, 1)
    patch = min(max(PATCHES[0], 8 * halo), PATCHES[1])
    reach = halo if halo and step == 1 else None
    return replace(around, minimum=max(least, 1), step=max(step, 1), reach=reach), patch


def _state_dict(described: Described, answers: Answers) -> Found:
    """Return the network of arrays, if it is one that is known without the package's code."""
    if described.processing.before or described.processing.after:
        raise ModelError("its arrays would need the package's own processing around a network that is known here")
    candidates = _candidates(described)
    found = convert.find(candidates, answers) or zoo.find(candidates)[0]
    if found is None:
        raise ModelError("its network is none that is known here")
    return replace(found, intensity=described.processing.intensity)


def _own_code(described: Described, answers: Answers) -> Found:
    """Return the network of arrays that code of the package builds, which runs for that."""
    said, problems = own_code.architecture(described.weights["pytorch_state_dict"]), []
    for weights in _candidates(described):
        contents = own_code.contents(described.package, said, weights.state)
        try:
            return _whole(described, answers, "python", contents, f"bioimage.io model, {said.name} of {said.where()}")
        except SRError as error:
            problems.append(error)
    raise problems[0]


def _candidates(described: Described) -> list[Weights]:
    contents, source = _entry(described, "pytorch_state_dict"), described.weights["pytorch_state_dict"]["source"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(str(source)).name
        file.write_bytes(contents)
        return weights_in(read_checkpoint(file), file.name)


#: the safest first
WAYS = (
    Way("onnx", _onnx),
    Way("pytorch_state_dict", _state_dict),
    Way("torchscript", _torchscript, "holds program code"),
    Way("pytorch_state_dict", _own_code, "its network is built by program code"),
)


def _about(package: Package) -> dict[str, Any]:
    """Return what the card takes over: title, description, licence, authors and citations."""
    said = package.description
    authors = [str(a.get("name", "")) for a in said.get("authors") or [] if isinstance(a, Mapping)]
    cited = [f"{c.get('text', '')} {c.get('doi') or c.get('url') or ''}".strip() for c in said.get("cite") or []]
    about = {
        "title": str(said.get("name", "")), "licence": str(said.get("license") or ""),
        "attribution": f"Model by {', '.join(a for a in authors if a)}" if any(authors) else "",
        "citation": "; ".join(c for c in cited if c),
        "description": str(said.get("description") or ""),
    }  # fmt: skip
    return {key: text for key, text in about.items() if text}
