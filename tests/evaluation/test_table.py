"""Tables of figures."""

import csv
import io

import pytest

from napari_sr.evaluation.table import Row, Table, short_names


@pytest.fixture
def table():
    rows = (
        Row("a", {"psnr": 20.5, "rmse": 3.0, "ssim": None}, {"psnr": 1.0, "rmse": 0.5, "ssim": None}),
        Row("b", {"psnr": 21.5, "rmse": 2.0, "ssim": 0.5}, {"psnr": 1.0, "rmse": 0.5, "ssim": 0.1}),
    )
    return Table(rows, ("psnr", "rmse", "ssim"), 3, {"data range": "255"})


def test_the_best_of_a_column_has_the_better_value_and_one_to_beat(table):
    best = [[table.is_best(row, metric) for metric in table.metrics] for row in table.rows]
    assert best == [[False, False, False], [True, True, False]]


def test_the_best_is_that_of_its_region():
    rows = [
        Row(f"{name} · {region}", {"psnr": value}, {}, region=region)
        for name, region, value in [("a", "1", 20.0), ("b", "1", 21.0), ("a", "2", 31.0), ("b", "2", 30.0)]
    ]
    table = Table(tuple(rows), ("psnr",), 1, {})
    assert [table.is_best(row, "psnr") for row in rows] == [False, True, True, False]


def test_csv_can_be_read_back(table):
    header, first, second, last = csv.reader(io.StringIO(table.to_csv()))
    assert header == ["image", "psnr", "rmse", "ssim", "psnr_sd", "rmse_sd", "ssim_sd"]
    assert first == ["a", "20.5", "3.0", "", "1.0", "0.5", ""]
    assert second[1:4] == ["21.5", "2.0", "0.5"]
    assert last == ["# 3 images; data range: 255"]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["EM slice LR", "EM slice LR [x4]"], ["LR", "x4"]),
        (["cells", "cellular"], ["cells", "cellular"]),
        (["one"], ["one"]),
        (["EM LR · box 1", "EM LR [x] · box 1"], ["LR · box 1", "x · box 1"]),
        (["a b", "a b"], ["a b", "a b"]),
        (
            [
                "cells [any ÷4]",
                "cells [any ÷4] [em-x4]",
                "cells [any ÷4] [bicubic-x4]",
            ],
            ["any ÷4", "em-x4", "bicubic-x4"],
        ),
        (["x [a]", "x a"], ["x [a]", "x a"]),
    ],
)
def test_what_all_names_begin_with_is_left_out(names, short):
    assert [short_names(names)[name] for name in names] == short
