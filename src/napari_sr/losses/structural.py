"""Losses that compare local structure: SSIM and MS-SSIM, by torchmetrics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sr.losses import LOSSES

#: weights of the scales of MS-SSIM (Wang et al. 2003), finest first
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@LOSSES.register("ssim", title="1 - SSIM", reference="Wang et al. 2004")
class SSIM(nn.Module):
    """1 - SSIM, Gaussian window of 11 pixels."""

    def __init__(self, *, lower: float = 0.0, upper: float = 1.0) -> None:
        super().__init__()
        self.data_range = upper - lower

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        from torchmetrics.functional.image import structural_similarity_index_measure as ssim

        with torch.autocast(pred.device.type, enabled=False):  # E[x^2] - mu^2 has nothing left in 16 bit
            similarity = ssim(pred.float(), target.float(), data_range=self.data_range)
        assert isinstance(similarity, Tensor)
        return 1 - similarity


@LOSSES.register("ms-ssim", title="1 - MS-SSIM", reference="Wang, Simoncelli & Bovik 2003")
class MSSSIM(nn.Module):
    """1 - MS-SSIM, with as many of the five scales as the patch has room for, their weights renormalised."""

    def __init__(self, *, lower: float = 0.0, upper: float = 1.0) -> None:
        super().__init__()
        self.data_range = upper - lower

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

        side = min(pred.shape[-2:])
        # the window of 11 pixels must fit into the coarsest scale; torchmetrics asks for a little more than that
        scales = max(n for n in range(1, 6) if n == 1 or side // max(2 ** (n - 1), (n - 1) ** 2) > 10)
        weights = torch.tensor(MS_SSIM_WEIGHTS[:scales])
        betas = tuple((weights / weights.sum()).tolist())
        # "relu": the contrast term can be negative at first, and has no real power then
        with torch.autocast(pred.device.type, enabled=False):
            similarity = ms_ssim(
                pred.float(), target.float(), data_range=self.data_range, betas=betas, normalize="relu"
            )
        assert isinstance(similarity, Tensor)
        return 1 - similarity


@LOSSES.register("mse+ssim", title="MSE + 0.1 (1 - SSIM)", reference="Qiao et al. 2021, doi:10.1038/s41592-020-01048-5")
class MSESSIM(nn.Module):
    """MSE + weight * (1 - SSIM), the DFCAN loss."""

    def __init__(self, *, weight: float = 0.1, lower: float = 0.0, upper: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.ssim = SSIM(lower=lower, upper=upper)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = nn.functional.mse_loss(pred, target) + self.weight * self.ssim(pred, target)
        return loss
