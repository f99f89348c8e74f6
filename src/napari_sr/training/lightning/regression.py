"""Lightning module for training without a critic."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from napari_sr.training.lightning.module import SRModule, images_last
from napari_sr.training.lightning.optimizers import make_optimizer, make_schedule


class Regression(SRModule):
    """Minimise the losses between network output and HR patch."""

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> Tensor:
        lr, hr, conditions = batch
        loss = self.checked(self.content_loss(self.run(self.network, images_last(lr), conditions), hr))
        self.log("train_loss", loss, sync_dist=True)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average()  # not at the end of the batch, when the state may be saved already

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = make_optimizer(config.optimizer, self.network.parameters(), config.learning_rate, config.betas)
        schedule = make_schedule(config.schedule, optimizer, config.learning_rate, config.steps)
        settings: dict[str, Any] = {"scheduler": schedule, "interval": "step"}
        if config.schedule == "plateau":
            settings |= {"monitor": "val_psnr", "frequency": min(config.validate_every, config.steps), "strict": False}
        return {"optimizer": optimizer, "lr_scheduler": settings}
