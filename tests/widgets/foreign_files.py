"""Model files of other programs, for tests of docks that open them."""

import warnings

import torch


class Doubled(torch.nn.Module):
    def forward(self, lr):
        return torch.nn.functional.interpolate(lr, scale_factor=2.0, mode="nearest")


def write_script(path):
    """Write a TorchScript file that doubles images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(Doubled(), torch.rand(1, 1, 16, 16)).save(path)
