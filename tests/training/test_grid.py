"""Any field by its path, grids, and the curve over the number of images."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from napari_sr.errors import ConfigError, TrainingError
from napari_sr.training import Source, TrainConfig, recipe_config
from napari_sr.training.grid import in_order, plot_few, table_of, train_grid
from napari_sr.training.settings import Axis, changed, grid, parse_axis, parse_setting
from napari_sr.training.task import drawn


def config_of(recipe="wgan-gp", path="x", **changes):
    return recipe_config(recipe, name="m", train=(Source(str(path)),), **changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps=500", ("steps", 500)),
        ("learning_rate=1e-4", ("learning_rate", "1e-4")),  # what YAML takes for text is a number to the configuration
        ("rotate=false", ("rotate", False)),
        ("adversarial.pixel_weight=200", ("adversarial.pixel_weight", 200)),
        ("betas=[0.5, 0.9]", ("betas", [0.5, 0.9])),
        ("schedule=cosine", ("schedule", "cosine")),
    ],
)
def test_settings_are_read(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["steps", "=3", "betas=[0.5"])
def test_what_sets_nothing_is_said(text):
    with pytest.raises(ConfigError):
        parse_setting(text)


def every_path(values, above=""):
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from every_path(value, f"{path}.")
        else:
            yield path, value


def test_every_field_can_be_reached():
    config = config_of(
        "srgan", validation=[{"path": "v"}], card={"title": "t"}, loss_options={}, hyper_parameters={"num_blocks": 3}
    )
    paths = dict(every_path(config.to_dict()))
    assert {"adversarial.pixel_schedule", "extra_options.perceptual.layer", "card.title", "intensity.low"} <= set(paths)
    for path, value in paths.items():
        assert changed(config, {path: value}) == changed(config, {})
    assert changed(config, {"train.0.weight": 3.0}).train[0].weight == 3
    assert changed(config, {"learning_rate": "1e-5"}).learning_rate == 1e-5
    assert changed(config, {"hyper_parameters.num_features": 8}).hyper_parameters["num_features"] == 8
    assert changed(config, {"adversarial.critic_learning_rate": 2e-5}).adversarial.critic_learning_rate == 2e-5


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"stepz": 3}, "stepz: there is no such field. There are: name, train"),
        ({"adversarial.nix": 3}, "adversarial.nix: .* loss, critic"),
        ({"train.4.weight": 1}, "train.4.weight: .* 0 to 0"),
        ({"steps.more": 1}, "steps.more: there is no such field"),
        ({"steps": "many"}, "steps must be a whole number"),
        ({"intensity.nix": 1}, "intensity"),
    ],
)
def test_what_cannot_be_set_is_said(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        changed(config_of(), settings)


def test_a_training_without_a_critic_has_nothing_to_set_there():
    with pytest.raises(ConfigError, match="this training has no adversarial"):
        changed(config_of("rcan"), {"adversarial.weight": 1})


def test_fewer_steps_keep_the_shares_of_the_phases():
    config = config_of("srgan")
    assert changed(config, {"steps": 1400}).adversarial.pixel_steps == 1000
    assert changed(config, {"steps": 1400, "adversarial.pixel_steps": 5}).adversarial.pixel_steps == 5


def test_a_grid_has_every_combination():
    axes = [parse_axis("adversarial.pixel_weight=200,100,50"), parse_axis("seed=0,1")]
    runs = grid(config_of(), axes)
    assert [c.name for _, c in runs] == [f"m-{i}" for i in range(1, 7)]
    assert [(c.adversarial.pixel_weight, c.seed) for _, c in runs] == [
        (200, 0), (200, 1), (100, 0), (100, 1), (50, 0), (50, 1),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="twice"):
        grid(config_of(), [axes[1], Axis("seed", (3,))])
    for text in ("seed=1,,2", "seed=1,1", "seed"):
        with pytest.raises(ConfigError):
            parse_axis(text)


def test_fewer_images_are_among_more_of_them():
    planes = list(range(20))
    config = config_of(images=5)
    few, more = drawn(planes, config), drawn(planes, replace(config, images=9))
    assert len(set(few)) == 5
    assert set(few) < set(more)
    assert drawn(planes, replace(config, seed=1)) != few
    assert drawn(planes, replace(config, images=0)) == planes
    with pytest.raises(TrainingError, match="there are 20"):
        drawn(planes, replace(config, images=21))


@pytest.fixture
def stack(tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    images = gaussian_filter(rng.normal(size=(6, 72, 72)), (0, 2, 2))
    np.save(tmp_path / "hr.npy", (images * 500 + 1000).astype(np.uint16))
    return tmp_path / "hr.npy"


def small(stack, **changes):
    settings = {
        "scale": 2, "degradation": "area", "network": "srresnet", "lr_patch": 16, "batch_size": 2, "steps": 4,
        "validate_every": 2, "hyper_parameters": {"num_blocks": 1, "num_features": 8},
    }  # fmt: skip
    return config_of("regression", stack, **{**settings, **changes})


def test_a_grid_trains_compares_and_goes_on_where_it_was(stack, tmp_path):
    runs = grid(small(stack), [parse_axis("images=1,3")])
    begun = []
    rows = train_grid(runs, tmp_path / "grid", on_run=lambda n, settings: begun.append(settings), device="cpu")
    assert begun == [{"images": 1}, {"images": 3}]
    assert [row.name for row in rows] == ["bicubic", "m-1", "m-2"]
    assert all(row.figures["psnr"] > 0 for row in rows)
    assert TrainConfig.read(tmp_path / "grid" / "m-1" / "config.yaml").images == 1
    with (tmp_path / "grid" / "grid.csv").open(encoding="utf-8") as file:
        written = list(csv.reader(file))
    assert written[0] == ["model", "images", "PSNR [dB]", "SSIM", "minutes"]  # too small for MS-SSIM
    assert [line[1] for line in written[1:]] == ["", "1", "3"]
    plot_few(rows, tmp_path / "few.png")
    assert (tmp_path / "few.png").stat().st_size > 5000
    made = (tmp_path / "grid" / "m-1" / "m-1.safetensors").stat().st_mtime_ns
    again = train_grid(runs, tmp_path / "grid", device="cpu")
    assert (tmp_path / "grid" / "m-1" / "m-1.safetensors").stat().st_mtime_ns == made  # not trained again
    assert table_of(again) == table_of(rows)


def test_a_training_that_fails_is_a_row_that_says_so(stack, tmp_path):
    runs = grid(small(stack), [parse_axis("images=40,2")])
    rows = train_grid(runs, tmp_path / "grid", device="cpu")
    failed = next(row for row in rows if row.name == "m-1")
    assert "40 were asked for" in failed.failed
    header, cells = table_of(rows)
    assert "40 were asked for" in " ".join(cells[[c[0] for c in cells].index("m-1")])
    assert len({len(line) for line in [header, *cells]}) == 1
    # with other settings in the same folder, the model that is there is none of these
    other = train_grid(grid(small(stack, seed=3), [parse_axis("images=40,2")]), tmp_path / "grid", device="cpu")
    assert all("other settings" in row.failed or row.failed for row in other)


def test_what_is_compared_with_comes_first():
    from napari_sr.training.grid import GridRow

    rows = [GridRow("m-1", {"seed": 1}, {}), GridRow("em-x4 (start)", {}, {}), GridRow("bicubic", {}, {})]
    assert [row.name for row in in_order(rows)] == ["bicubic", "em-x4 (start)", "m-1"]
