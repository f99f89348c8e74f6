"""What *Train* has to choose from: models, earlier runs, and names that are taken. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard
    from napari_sr.training.runs.folders import EarlierRun
    from napari_sr.training.runs.undecided import Undecided


@dataclass(frozen=True)
class Found:
    """What there is.

    Attributes
    ----------
    cards
        Of the models that can be trained further.
    last
        By model name: the file with the last weights of the run that made it, if it is still there.
    runs, undecided
        That were stopped; and that are finished, with an open question.
    names
        Of all models.
    """

    cards: tuple[ModelCard, ...] = ()
    last: tuple[tuple[str, Path], ...] = ()
    runs: tuple[EarlierRun, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    names: tuple[str, ...] = ()

    def free_name(self, wanted: str) -> str:
        """Return ``wanted``, with a number if a model or a run has that name."""
        from napari_sr.paths import exists
        from napari_sr.training.runs.folders import runs_folder

        number, name = 1, wanted
        taken = {n.casefold() for n in self.names}  # some systems make no difference between large and small letters
        while name.casefold() in taken or exists(runs_folder() / name):
            number += 1
            name = f"{wanted}-{number}"
        return name


def find() -> Found:
    """Look what there is; reads files."""
    from napari_sr.models.store import list_models, model_paths
    from napari_sr.networks import NETWORKS
    from napari_sr.training.runs.folders import runs_folder, unfinished_runs
    from napari_sr.training.runs.undecided import undecided_runs

    every = list_models(interpolations=False)
    # from a linear filter, or a model of another program, no training goes on
    cards = tuple(c for c in every if not (NETWORKS[c.network].linear or NETWORKS[c.network].foreign))
    last = {c.name: runs_folder() / c.name / f"{c.name}-last.safetensors" for c in cards}
    return Found(
        cards, tuple((name, path) for name, path in last.items() if path.exists()), tuple(unfinished_runs()),
        tuple(undecided_runs()), tuple(model_paths()),
    )  # fmt: skip
