"""``napari-sr networks``."""

import json

import pytest

from napari_sr.networks import NETWORKS, create_network

# what networks cost is counted once in a process
pytestmark = pytest.mark.xdist_group("networks command")
# those of other programs are nothing without their weights
OWN = {name for name in NETWORKS if not NETWORKS[name].foreign}


def test_every_network_is_listed_with_its_size_cost_and_halo(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run("networks")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name in sorted(OWN):
        assert NETWORKS.entry(name).title in lines[name]
    assert "1,406,546" in lines["wgan"]  # the thesis's generator
    assert "16.1" in lines["srcnn"]  # two operations for each of 8 032 weights
    assert lines["swinir"].rstrip().endswith("*")


def test_the_table_for_programs(run):
    code, out, _ = run("networks", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert set(rows) == OWN
    assert rows["srcnn"]["kflop_per_pixel"] == pytest.approx(2 * 8.032, rel=1e-3)
    # 16 LR pixels' worth of a linear filter of 13 x 13 for 16 outputs
    assert rows["wiener"]["kflop_per_pixel"] == pytest.approx(2 * 13**2 / 1e3, rel=1e-2)
    for name, row in rows.items():
        assert row["halo"] == create_network(name, scale=4).halo
        assert (row["parameters"] > 0) == row["trainable"]
    assert rows["adaptive"]["conditions"] == ["blur", "noise", "shot"]
