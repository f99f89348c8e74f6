"""What a run says of itself while it trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

#: curves of the critic's side, in the order in which they are shown
CRITIC_CURVES = ("adversarial_loss", "critic_loss", "gradient_penalty")


@dataclass(frozen=True)
class TrainProgress:
    """One look at a run: how far, the last losses, and the fidelity beside bicubic's.

    Attributes
    ----------
    step, steps, seconds
        How far; seconds without pauses, those of earlier parts of a resumed run included.
    train_loss
        The losses that are compared with the truth; of an adversarial training the pixel loss alone, as ``val_loss``.
    remaining
        Seconds to the end at the present speed; None while it is not known.
    val_loss
        The pixel loss on the validation images; this and the following are None between validations.
    val_psnr, val_bicubic
        In dB, mean over the validation images.
    val_ssim, val_bicubic_ssim
        Likewise.
    losses
        Of an adversarial training: ``adversarial_loss``, ``critic_loss``, ``gradient_penalty``.
    note
        A sentence on something that went wrong; empty as a rule.
    stage
        What is being done, when it is not training.
    """

    step: int
    steps: int
    seconds: float
    train_loss: float = float("nan")
    remaining: float | None = None
    val_loss: float | None = None
    val_psnr: float | None = None
    val_bicubic: float | None = None
    val_ssim: float | None = None
    val_bicubic_ssim: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    stage: str = ""

    @property
    def is_message(self) -> bool:
        """True if there is a sentence in it and no figures."""
        return bool(self.note or self.stage) and self.train_loss != self.train_loss and self.val_psnr is None

    @property
    def loss_text(self) -> str:
        """The training loss in words; before the generator's first step, what goes on instead."""
        if math.isfinite(self.train_loss):
            return f"loss {self.train_loss:.4g}"
        return "the critic is learning first" if "critic_loss" in self.losses else ""
