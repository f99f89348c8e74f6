"""The budget of the comparison of systems: what a step costs is counted, and every system can be trained for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from napari_sr.training.check_names import check_names


@pytest.fixture
def systems(script_of):
    return script_of("source_systems")


def test_a_step_of_srcnn_costs_what_its_weights_say(systems):
    """Two operations a weight and pixel forwards, as many for its gradient, and for its input's but the first."""
    config = systems.config_of("EM/srcnn", Path("data"), 1)
    pixels = config.batch_size * (config.lr_patch * config.scale) ** 2
    first, all_weights = 81 * 64, 81 * 64 + 64 * 32 + 25 * 32
    assert systems.tflop_a_step(config) * 1e12 == pytest.approx(pixels * (6 * all_weights - 2 * first), rel=1e-6)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_the_cost_goes_with_the_batch(systems, batch_size):
    config = systems.config_of("EM/wgan-gp", Path("data"), 1)
    other = replace(config, batch_size=batch_size)
    assert systems.tflop_a_step(other) / systems.tflop_a_step(config) == pytest.approx(batch_size / 4, rel=1e-6)


def test_the_critic_and_its_penalty_are_counted(systems):
    alone, clipped, penalised = (
        systems.tflop_a_step(systems.config_of(f"EM/{name}", Path("data"), 1))
        for name in ("wgan", "wgan-clip", "wgan-gp")
    )
    # steps of the critic are cheaper than those of the generator, and five of six
    assert clipped < alone
    assert clipped < penalised


def test_every_system_has_settings_that_can_be_trained(systems):
    for job in systems.jobs_of(""):
        kind, name = job.split("/")
        if name == systems.SINGAN:
            check_names(systems.singan_config(kind, Path("lr.npy"), Path("data")))
            continue
        config = systems.config_of(job, Path("data"), 10)
        check_names(config)
        if config.adversarial is not None:
            assert config.adversarial.pixel_steps == 5, job


@pytest.mark.parametrize(("name", "fewer"), [("srcnn", False), ("srvgg", False), ("vdsr", True), ("srgan", True)])
def test_steps_keep_to_the_budget(systems, name, fewer):
    config = systems.config_of(f"N-body/{name}", Path("data"))
    cost = systems.tflop_a_step(config)
    assert config.steps * cost <= systems.TFLOP
    assert (config.steps < systems.MOST_STEPS) is fewer
    if fewer:
        assert (config.steps + 1) * cost > systems.TFLOP


@pytest.mark.parametrize(("steps", "after"), [(1500, 500), (91, 30), (10, 3), (9, 9), (1, 1)])
def test_a_handful_of_steps_is_validated_once(systems, steps, after):
    assert systems.config_of("EM/drcn", Path("data"), steps).validate_every == after


def test_a_system_that_there_is_not_is_refused(systems):
    with pytest.raises(SystemExit, match="There is no EM/gpt"):
        systems.jobs_of("EM/wgan,EM/gpt")
