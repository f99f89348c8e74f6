"""What napari-sr gave away, and gets back: packages hold the model itself, other files say how they are used."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.export.facts import CARD_KEY, FACTS_KEY
from napari_sr.models.formats.assemble import sha256
from napari_sr.models.formats.found import Found
from napari_sr.models.formats.package import Package, names, read_member, read_package
from napari_sr.models.model import Model, ModelCard, load
from napari_sr.networks.foreign_base import Around

#: entries of a card that are those of the file it stands in, and not of the one it was made from
OF_THE_FILE = (
    "name", "network", "hyper_parameters", "scale", "in_channels", "out_channels", "intensity", "trained_patch", "halo",
    "source", "weights_sha256", "format_version",
)  # fmt: skip


@dataclass(frozen=True)
class OurExport:
    """An ONNX or TorchScript file of ours: the card of its model, and the facts that were written with it."""

    card: ModelCard
    facts: Mapping[str, Any]

    @property
    def intensity(self) -> Intensity:
        """What is to be done with an image before it goes in, and undone with what comes out."""
        return (
            Intensity(kind="identity") if self.facts["values"] == "image" else Intensity.from_dict(self.card.intensity)
        )

    @property
    def around(self) -> Around:
        """What a tile needs around it."""
        side, any_size = self.facts["tile_lr_pixels"], self.facts["any_size"]
        if not any_size:
            return Around(fixed=(side, side))
        return Around(reach=None if side else int(self.facts["halo_lr_pixels"]))

    def on(self, found: Found) -> Found:
        """Return what was found in the file, with what its card and facts say of it."""
        said = f"Made by napari-sr from {self.card.name}"
        about = {f.name: getattr(self.card, f.name) for f in fields(self.card) if f.name not in OF_THE_FILE}
        if told := self.facts["told"]:
            said += f", for images with {', '.join(f'{name} {value:g}' for name, value in told.items())} only"
            # what was measured and learnt was so for all that the model can be told
            about |= {"lr_images": {n: (told[n], told[n]) for n in self.card.lr_images if n in told}, "metrics": ()}
        detected = replace(found.detected, notes=(said, *found.detected.notes))
        return replace(
            found, intensity=self.intensity, detected=detected, measure=False, about=about,
            trained_patch=found.trained_patch or self.facts["tile_lr_pixels"] or 0,
        )  # fmt: skip


def our_export(metadata: Mapping[str, str], file: str) -> OurExport | None:
    """Return what the metadata of a file say, None if it is not of ours.

    Raises
    ------
    ModelError
        If it is of ours and cannot be used: what it says is damaged or of a newer version, or it has several inputs.
    """
    if CARD_KEY not in metadata or FACTS_KEY not in metadata:
        return None
    try:
        facts = json.loads(metadata[FACTS_KEY])
        _check(facts)
        export = OurExport(ModelCard.from_json(metadata[CARD_KEY]), facts)
        _ = export.intensity
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"What {file} says of itself cannot be read ({type(error).__name__}: {error}).") from None
    conditions = [str(condition["name"]) for condition in facts["conditions"]]
    if conditions:
        raise ModelError(
            f"It was made by napari-sr from {export.card.name}, with {', '.join(conditions)} as a second input, for "
            f"other programs. Use {export.card.name} itself here (a bioimage.io package has it in it), or a file that "
            "was exported with fixed values (--blur, --noise)."
        )
    return export


def _check(facts: Any) -> None:
    """Raise TypeError, KeyError or ValueError if facts are not as ``export.facts.facts_of`` makes them."""
    tile, halo = facts["tile_lr_pixels"], facts["halo_lr_pixels"]
    if facts["values"] not in ("image", "network") or not isinstance(facts["any_size"], bool):
        raise ValueError(f"values {facts['values']!r}, any_size {facts['any_size']!r}")
    if not ((isinstance(tile, int) and tile > 0) or (tile is None and facts["any_size"])):
        raise ValueError(f"tile_lr_pixels {tile!r}")
    if not (isinstance(halo, int) and halo >= 0):
        raise ValueError(f"halo_lr_pixels {halo!r}")
    if not isinstance(facts["told"], Mapping) or not all(math.isfinite(value) for value in facts["told"].values()):
        raise ValueError(f"told {facts['told']!r}")
    if not all(isinstance(condition, Mapping) for condition in facts["conditions"]):
        raise TypeError("conditions")


def script_metadata(path: Path) -> dict[str, str]:
    """Return the extra files of ours in a TorchScript file, by their keys; nothing of it runs for that."""
    wanted = {f"{key}.json": key for key in (CARD_KEY, FACTS_KEY)}
    parts = {name: PurePosixPath(name).parts for name in names(path)}
    found = {wanted[p[-1]]: name for name, p in parts.items() if p[1:-1] == ("extra",) and p[-1] in wanted}
    return {key: read_member(path, name).decode("utf-8", "replace") for key, name in found.items()}


def packed_model(path: Path, *, allow_code: bool) -> Model | None:
    """Return the model of ours that is attached to a bioimage.io package; None if none is that can be loaded.

    Raises
    ------
    ModelError
        If the package's description cannot be read.
    """
    try:
        package = read_package(path)
    except ModelError as error:
        raise ModelError(f"{path.name} cannot be used. {error}") from None
    for source in _attached(package):
        try:
            model = _loaded(package.read(source), allow_code=allow_code)
        except ModelError:  # not there, not of ours, damaged, or with code: the package has weights of other formats
            continue
        detected = f"bioimage.io package of napari-sr, with the model {model.card.name} itself."
        source_of = model.card.source or {"file": path.name, "sha256": sha256(path), "detected": detected}
        return replace(model, card=replace(model.card, name=path.stem, source=source_of))
    return None


def _loaded(contents: bytes, *, allow_code: bool) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"  # not as it is called: that comes from the package
        file.write_bytes(contents)
        return load(file, allow_code=allow_code)


def _attached(package: Package) -> list[str]:
    """Return the safetensors files among the attachments, which are a list of sources since version 0.5."""
    attached = package.description.get("attachments")
    sources = [a.get("source") for a in attached if isinstance(a, Mapping)] if isinstance(attached, list) else []
    return [s for s in sources if isinstance(s, str) and s.endswith(".safetensors")]
