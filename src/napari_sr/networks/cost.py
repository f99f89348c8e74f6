"""What a network costs: operations an output pixel."""

from __future__ import annotations

import torch

from napari_sr.networks.base import SRNetwork


def flops_per_pixel(network: SRNetwork, *, side: int = 64) -> float:
    """Return the floating-point operations of convolutions, matrix products and attention an output pixel and channel.

    A product and its sum are two; what torch does not count (activations, norms, Fourier transforms, interpolation)
    is little beside them.

    Parameters
    ----------
    network
        On any device; on torch's ``meta`` device nothing is computed.
    side
        Of the square LR image that it is given, in pixels.
    """
    from torch.utils.flop_counter import FlopCounterMode  # only where something is counted: it takes long to import

    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    lr = torch.zeros(1, network.in_channels, side, side, device=device)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        sr = network.eval()(lr)
    return float(counter.get_total_flops() / sr.numel())
