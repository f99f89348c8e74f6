"""Images as they occur in the wild, made here: small files of each kind, around one and the same picture."""

import uuid

import numpy as np
import tifffile

ROWS, COLUMNS = 40, 56
_y, _x = np.mgrid[:ROWS, :COLUMNS]
#: the picture: every value between 0 and 200 occurs on smooth slopes
GREY = (100 + 60 * np.sin(_x / 5) + 40 * np.cos(_y / 3)).astype(np.uint8)
COLOURS = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome_xml(pixels: str, inside: str = "", *, before: str = "", size_z: int = 1) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}" {before}><Image ID="Image:0" Name="cell">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="{COLUMNS}" SizeY="{ROWS}" SizeZ="{size_z}" '
        f'SizeC="1" SizeT="1" {pixels}>{inside}</Pixels></Image></OME>'
    )


def ome_file(path, pixels, inside='<Channel ID="Channel:0:0"/><TiffData/>'):
    tifffile.imwrite(path, GREY, description=ome_xml(pixels, inside).encode(), metadata=None)
    return path


def ome_set(folder, count=4, *, companion=False):
    """Planes of one stack, each in a file of its own, which names all of them; or a file that describes them."""
    folder.mkdir(exist_ok=True)
    ids = [f"urn:uuid:{uuid.UUID(int=n + 1)}" for n in range(count)]
    inside = '<Channel ID="Channel:0:0"/>' + "".join(
        f'<TiffData FirstZ="{n}" FirstC="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="s_z{n}.ome.tif">{name}</UUID></TiffData>'
        for n, name in enumerate(ids)
    )
    sizes = 'PhysicalSizeX="0.1" PhysicalSizeY="0.1"'
    planes = [np.roll(GREY, n, axis=1) for n in range(count)]
    about = f'UUID="urn:uuid:{uuid.UUID(int=99)}"'
    for n, plane in enumerate(planes):
        text = ome_xml(sizes, inside, before=f'UUID="{ids[n]}"', size_z=count)
        if companion:
            text = f'<OME xmlns="{OME}" UUID="{ids[n]}"><BinaryOnly MetadataFile="s.companion.ome" {about}/></OME>'
        tifffile.imwrite(folder / f"s_z{n}.ome.tif", plane, description=text.encode(), metadata=None)
    if companion:
        (folder / "s.companion.ome").write_text(ome_xml(sizes, inside, before=about, size_z=count))
    return np.stack(planes)
