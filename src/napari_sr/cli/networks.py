"""``napari-sr networks``: what can be trained, how large it is and what it costs."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from napari_sr.networks import SRNetwork


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the networks at ×4 with their default settings: size, cost and how far an output pixel sees."""
    from napari_sr.networks import NETWORKS

    with Console(stderr=True).status("Counting what each network computes …"):  # it takes seconds
        rows = [_row(name) for name in NETWORKS if not NETWORKS[name].foreign]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for title in ("name", "title", "scales"):
        table.add_column(title)
    for title in ("parameters", "kFLOP/px", "halo"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            row["name"], row["title"], " ".join(f"×{s}" for s in row["scales"]), f"{row['parameters']:,}",
            f"{row['kflop_per_pixel']:,.1f}", f"{row['halo']}{'*' if row['pools_tile'] else ''}",
        )  # fmt: skip
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(
        "Parameters, floating-point operations an output pixel and halo (LR pixels) at ×4, one channel. "
        "* something depends on the whole tile, beside the convolutions",
        highlight=False, style="dim",
    )  # fmt: skip


@cache
def _row(name: str) -> dict[str, Any]:
    from napari_sr.networks import NETWORKS
    from napari_sr.networks.cost import flops_per_pixel

    entry, network = NETWORKS.entry(name), _built(name)
    return {
        "name": name, "title": entry.title, "reference": entry.reference, "scales": list(entry.value.scales),
        "parameters": network.parameter_count(), "kflop_per_pixel": round(flops_per_pixel(network) / 1e3, 3),
        "halo": network.halo, "pools_tile": network.pools_tile, "trainable": network.trainable,
        "conditions": [condition.name for condition in network.conditions],
    }  # fmt: skip


def _built(name: str) -> SRNetwork:
    """Return the network at x4, or at its largest scale if that is no scale of it, without memory for its weights."""
    import torch

    from napari_sr.networks import NETWORKS, create_network

    scales = NETWORKS[name].scales
    with torch.device("meta"):
        return create_network(name, scale=4 if 4 in scales else max(scales))
