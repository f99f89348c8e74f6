"""Put the fine and the coarse slices of simulated boxes into files of the same name, as trainings on pairs want them.

    python scripts/split_nbody_pairs.py scripts/models/nbody

For every ``mpcSIZE/PART_boxN.npz`` that simulate_nbody.py made: ``pairs/hr/PART/mpcSIZE.npz``, and the same in
``pairs/lr``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main() -> None:
    folder = Path(sys.argv[1])
    for file in sorted(folder.glob("mpc*/*_box*.npz")):
        with np.load(file) as slices:
            for side in ("hr", "lr"):
                target = folder / "pairs" / side / file.name.split("_")[0] / f"{file.parent.name}.npz"
                target.parent.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(target, density=slices[side])
                print(target, slices[side].shape)


if __name__ == "__main__":
    main()
