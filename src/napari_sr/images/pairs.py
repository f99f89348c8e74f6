"""LR and HR files that belong together by their names."""

from __future__ import annotations

from pathlib import Path

from napari_sr.errors import ImageError
from napari_sr.images.listing import image_files


def matched_files(lr: Path, hr: Path, names: tuple[str, str] = ("LR", "HR")) -> list[tuple[Path, Path]]:
    """Return pairs of LR and HR files of the same name; a file is its own folder of one.

    What all names of the first folder end with beside those of the second, such as a model's name, does not count.
    ``names`` are what the two are called in messages.

    Raises
    ------
    ImageError
        With the names that have no partner.
    """
    lr_files, hr_files = image_files(lr), image_files(hr)
    if len(lr_files) == len(hr_files) == 1:
        return [(lr_files[0], hr_files[0])]
    of_lr, of_hr = ({_stem(f): f for f in files} for files in (lr_files, hr_files))
    ending = _common_ending(list(of_lr), list(of_hr))
    of_lr = {stem.removesuffix(ending): file for stem, file in of_lr.items()}
    alone = [f"{of_lr[n].name} ({names[0]})" for n in sorted(of_lr.keys() - of_hr)]
    alone += [f"{of_hr[n].name} ({names[1]})" for n in sorted(of_hr.keys() - of_lr)]
    if alone:
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        raise ImageError(f"{names[0]} and {names[1]} images are matched by name; without a partner: {shown}.")
    return [(of_lr[n], of_hr[n]) for n in sorted(of_lr)]


def _common_ending(longer: list[str], shorter: list[str]) -> str:
    """Return what all of some names end with beside one of others; empty if there is no such thing."""
    first = min(longer, default="")
    for stem in sorted(shorter, key=len, reverse=True):
        ending = first.removeprefix(stem)
        if first.startswith(stem) and all(n.endswith(ending) and n.removesuffix(ending) in shorter for n in longer):
            return ending
    return ""


def _stem(file: Path) -> str:
    return file.name.removesuffix(file.suffix).removesuffix(".ome").lower()
