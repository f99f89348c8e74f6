"""Split the focal-adhesion movie for fluo-dfcan-x2: frames 0-15 to train, 18-19 to validate, 21-22 to test.

    python scripts/split_movie.py scripts/models/data/fluo_focal_adhesion_timelapse_MIT/fa_timelapse_23x512x512_u16.tif

The frames between are left out. All show one cell: what is measured on the last ones says nothing about others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tifffile

TARGET = Path(__file__).parent / "models" / "fluo"
PARTS = {"train": slice(0, 16), "val": slice(18, 20), "test": slice(21, 23)}


def main() -> None:
    movie = tifffile.imread(sys.argv[1])
    TARGET.mkdir(exist_ok=True)
    for name, frames in PARTS.items():
        tifffile.imwrite(TARGET / f"{name}.tif", movie[frames], photometric="minisblack")
        print(TARGET / f"{name}.tif", movie[frames].shape)


if __name__ == "__main__":
    main()
