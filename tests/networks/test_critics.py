"""What every critic and discriminator must do."""

import pytest
import torch

from napari_sr.errors import ConfigError
from napari_sr.networks import CRITICS, create_critic


def test_the_critic_of_the_thesis_has_its_size():
    assert sum(p.numel() for p in create_critic("wgan-critic").parameters()) == 1_554_433


@pytest.mark.parametrize("name", list(CRITICS))
@pytest.mark.parametrize("size", [32, 48, 128])
def test_one_number_an_image(name, size):
    critic = create_critic(name, num_features=4)
    assert size >= critic.min_patch
    scores = critic(torch.rand(3, 1, size, size))
    assert scores.shape == (3,)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", list(CRITICS))
def test_it_learns_to_tell_two_kinds_of_image_apart(name):
    torch.manual_seed(0)
    critic = create_critic(name, num_features=8)
    smooth = torch.nn.functional.interpolate(torch.rand(8, 1, 8, 8), scale_factor=4, mode="bicubic")
    rough = torch.rand(8, 1, 32, 32)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)
    for _ in range(25):
        scores = critic(torch.cat([smooth, rough]))
        loss = torch.nn.functional.softplus(-scores[:8]).mean() + torch.nn.functional.softplus(scores[8:]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = critic.eval()(torch.cat([smooth, rough])) if name == "wgan-critic" else critic(torch.cat([smooth, rough]))
    assert scores[:8].min() > scores[8:].max()


def test_the_wgan_critic_judges_each_image_alone():
    # the gradient penalty is taken image by image, so nothing may pass between the images of a batch
    critic = create_critic("wgan-critic", num_features=4)
    images = torch.rand(4, 1, 32, 32)
    torch.testing.assert_close(critic(images)[1], critic(images[1:2])[0])


def test_unknown_settings_are_named():
    with pytest.raises(ConfigError, match="colour"):
        create_critic("wgan-critic", colour=1)
    with pytest.raises(ConfigError, match="no critic called"):
        create_critic("nix")
