"""Give a model that is told blur and noise more blocks, which change nothing before they are trained.

    python scripts/deepen_model.py em-x4 --blocks 7 --out runs/deeper

The new blocks come last, and what they would add is zero: the model that is written computes what the old one computes.
Training goes on from there (`start_from`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from napari_sr import load_model
from napari_sr.models.model import Model, save
from napari_sr.networks import create_network


def deepened(model: Model, blocks: int, seed: int = 0) -> Model:
    """Return a model of ``blocks`` blocks that computes what ``model`` does."""
    settings = {**model.network.hyper_parameters, "num_blocks": blocks}
    torch.manual_seed(seed)  # of the first convolutions of the new blocks
    network = create_network(model.card.network, **settings)
    kept, old = network.state_dict(), model.network.state_dict()
    for key, value in old.items():
        if kept[key].shape == value.shape:
            kept[key] = value
        else:  # what turns conditions into scales and shifts: rows by block
            kept[key] = torch.cat([value, torch.zeros_like(kept[key][len(value) :])])
    for key in set(kept) - set(old):
        if ".conv2." in key:
            kept[key] = torch.zeros_like(kept[key])
    network.load_state_dict(kept)
    card = replace(model.card, hyper_parameters=network.hyper_parameters)
    return Model(network.eval(), card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--blocks", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = deepened(load_model(arguments.model), arguments.blocks)
    path = arguments.out / f"{arguments.model}.safetensors"
    save(model, path)
    print(path)


if __name__ == "__main__":
    main()
