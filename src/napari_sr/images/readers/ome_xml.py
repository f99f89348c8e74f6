"""What OME-XML says of images: geometry, channels, and which files belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel
from napari_sr.images.units import number, unit_of

#: the schema's way to say that a length has another unit, which then stands in the description
OTHER_UNIT = "reference frame"
UNIT_IN_DESCRIPTION = "unit of length: "


@dataclass(frozen=True)
class OmeImage:
    """What is said of one image."""

    name: str
    geometry: Geometry
    channels: tuple[Channel, ...]


def parsed(xml: str) -> ElementTree.Element | None:
    """Return the root of a description; None if it is not well-formed, which must not cost the image."""
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None


def read_ome(xml: str) -> list[OmeImage]:
    """Return what a description says of each of its images; nothing if it is not well-formed."""
    root = parsed(xml)
    if root is None:
        return []
    return [
        OmeImage(image.attrib.get("Name", ""), _geometry(image, pixels), _channels(pixels))
        for image in root.iterfind("{*}Image")
        if (pixels := image.find("{*}Pixels")) is not None
    ]


def _geometry(image: ElementTree.Element, pixels: ElementTree.Element) -> Geometry:
    about = pixels.attrib
    described = image.findtext("{*}Description", "")
    other = described.removeprefix(UNIT_IN_DESCRIPTION) if described.startswith(UNIT_IN_DESCRIPTION) else ""

    def unit(text: str) -> str:
        return other if text == OTHER_UNIT else unit_of(text)

    plane = pixels.find("{*}Plane")
    place = {} if plane is None else plane.attrib
    stated: dict[str, tuple[Any, ...]] = {}
    # y without a unit beside x with one has the same: nobody has pixels a thousand times as high as wide
    of_x = about.get("PhysicalSizeXUnit", "µm")
    for axis in "XYZ":
        units = [about.get(f"PhysicalSize{axis}Unit", of_x), place.get(f"Position{axis}Unit", OTHER_UNIT)]
        size = unit(units[0])
        # positions whose unit is not said: ours have that of the size, others' are in the stage's own
        position = size if units[1] == OTHER_UNIT else unit_of(units[1])
        stated[axis] = (about.get(f"PhysicalSize{axis}"), size, place.get(f"Position{axis}"), position)
    if about.get("PhysicalSizeX") is not None and about.get("PhysicalSizeY") is None:
        stated["Y"] = (stated["X"][0], stated["X"][1], stated["Y"][2], stated["Y"][3])
    stated["T"] = (about.get("TimeIncrement"), unit_of(about.get("TimeIncrementUnit", "s")), None, None)
    return Geometry.stated(**stated)


def _channels(pixels: ElementTree.Element) -> tuple[Channel, ...]:
    found = []
    for channel in pixels.iterfind("{*}Channel"):
        colour = number(channel.attrib.get("Color"))
        # red, green, blue, opacity in the four bytes of a signed number; -1, white, is what stands there by default
        code = "" if colour in (None, -1) else f"#{(int(colour or 0) & 0xFFFFFFFF) >> 8:06x}"
        found.append(Channel(name=channel.attrib.get("Name", ""), colour=code))
    return tuple(found) if any(c.name or c.colour for c in found) else ()


def members(path: Path, xml: str) -> list[str]:
    """Return the names of the files beside ``path`` that hold parts of its image; its own is not among them."""
    root = parsed(xml)
    if root is None:
        return []
    if (binary := root.find("{*}BinaryOnly")) is not None:
        return [binary.attrib["MetadataFile"]] if binary.attrib.get("MetadataFile") else []
    own = root.attrib.get("UUID", "")
    named = {
        (e.text or "").strip(): e.attrib["FileName"] for e in root.iterfind(".//{*}UUID") if "FileName" in e.attrib
    }
    others = {uuid: name for uuid, name in named.items() if uuid != own and name != path.name}
    # one file alone is named, and not as this one is: it was given another name
    return [] if len(named) == 1 else sorted(set(others.values()))


def whole_description(path: Path, xml: str) -> str:
    """Return the description of the whole image to which a file belongs.

    That is what a companion beside it says; or its own, without the names of files if it names itself by one that it
    no longer has.
    """
    root = parsed(xml)
    if root is None:
        return xml
    binary = root.find("{*}BinaryOnly")
    if binary is not None:
        companion = path.parent / binary.attrib.get("MetadataFile", "")
        return companion.read_text(encoding="utf-8", errors="replace") if companion.is_file() else xml
    return xml if members(path, xml) else re.sub(r"<UUID\b[^>]*?(/>|>.*?</UUID>)", "", xml, flags=re.DOTALL)


def missing_members(path: Path, xml: str) -> list[str]:
    """Return what is missing of an image in several files: the file's name, and the planes that it would hold."""
    root = parsed(xml)
    if root is None or root.find("{*}BinaryOnly") is not None:
        return []
    missing = []
    for name in members(path, xml):
        if (path.parent / name).exists():
            continue
        planes = []
        for data in root.iterfind(".//{*}TiffData"):
            uuid = data.find("{*}UUID")
            if uuid is not None and uuid.attrib.get("FileName") == name:
                first = [f"{a} {n}" for a in "TCZ" if (n := data.attrib.get(f"First{a}", "0")) != "0" or a == "Z"]
                planes.append(" ".join(first))
        missing.append(name + (f" (plane {', '.join(planes[:4])}{' …' if len(planes) > 4 else ''})" if planes else ""))
    return missing
