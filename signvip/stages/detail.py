"""Stage I, last: a head for what is finest, trained in squares of frames, with all before it as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from signvip.config import DetailTraining, RunConfig
from signvip.errors import ConfigError
from signvip.models.vae import shrinks_by
from signvip.progress import Reporter
from signvip.stages.clips import Draws
from signvip.stages.crops import check_crops, draw_corners
from signvip.stages.kept_squares import KeptSquares
from signvip.stages.keys import DETAIL
from signvip.stages.pixel_loss import PixelError, cut
from signvip.stages.regions import on_cells
from signvip.stages.video import VideoPhase, WithLatents
from signvip.stages.video_loss import VideoDiffusion
from signvip.training.seeds import step_seed

OF_A_FRAME = 3  # squares: two hands and a face, about as often as not
TOGETHER = 4  # clips that go through the frozen networks at once
BORDER = 2  # cells about a square whose errors do not count: their neighbours are missing


class DetailPhase(VideoPhase):
    """Squares of frames, of which `store` keeps what the head reads, computed once: nothing before the head learns.

    A step then costs a tenth of one of images, and sees as many hands.
    """

    training: DetailTraining
    module: OnSquares

    def __init__(
        self,
        config: RunConfig,
        training: DetailTraining,
        shards: Path,
        vae: AutoencoderKL,
        nets: VideoDiffusion,
        cached: bool,
        store: KeptSquares,
    ) -> None:
        super().__init__(DETAIL.name, config, training, shards, vae, nets, cached)
        known = self.train.index.has_keypoints
        check_crops(training.crops, "stage1.detail.crops", config, keypoints=known)
        factor = shrinks_by(config.vae)
        self.store, self.cells = store, training.crops.size // factor
        if self.cells <= 2 * BORDER:
            raise ConfigError(
                f"stage1.detail.crops.size is {training.crops.size}, and {BORDER * factor} pixels on each side do not "
                f"count; set it to {(2 * BORDER + 1) * factor} or more."
            )
        self.module = OnSquares(nets, vae, PixelError.inside(config, vae, self.cells - 2 * BORDER))

    def keep(self, reporter: Reporter) -> None:
        """Compute what the store has not yet, on the card where there is one."""
        wanted = self.training.squares
        if self.store.full(wanted):
            return
        device = torch.device("cpu")
        if torch.accelerator.is_available():
            device = torch.accelerator.current_accelerator() or device
        self.module.to(device).eval()
        with reporter.task(f"squares of {self.name}", wanted) as task, self.store.writing(wanted) as write:
            kept, index = 0, 0
            while kept < wanted:
                torch.manual_seed(step_seed(self.config.seed, self.name, index))  # noise, and its levels
                found = self._squares(index, device)
                count = min(len(found["latents"]), wanted - kept)
                write({name: value[:count] for name, value in found.items()})
                task.advance(count)
                kept, index = kept + count, index + 1
        self.module.cpu().train()

    @torch.no_grad()
    def _squares(self, index: int, device: torch.device) -> dict[str, Tensor]:
        """Return what is kept of the squares of a few clips, a row for each."""
        draws = Draws.of_batch(self.config.seed, f"{self.name}/squares", index, TOGETHER)
        samples = [self._sample(each, each.clip(len(self.train))) for each in draws]
        batch = {key: torch.stack([sample[key] for sample in samples]).to(device) for key in samples[0]}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            read = self.module.nets.before_detail(self.module.with_latents(batch))
        latents, timestep = read["latents"], read.pop("timestep")
        weights = on_cells(batch["regions"], latents) if "regions" in batch else None
        read["weights"] = torch.ones_like(latents[:, :, :1]) if weights is None else weights
        corners = batch["corners"].flatten(0, 1).transpose(0, 1)  # (squares, B*F, 2)
        rows = {
            name: torch.cat([cut(value.flatten(0, 1), each, self.cells) for each in corners]).cpu()
            for name, value in read.items()
        }
        return {**rows, "timestep": timestep.repeat_interleave(latents.shape[1]).repeat(OF_A_FRAME).cpu()}

    def _corners(self, draws: Draws, clip: int, picks: list[int]) -> dict[str, Tensor]:
        """Return the first rows and columns of the squares of a clip's frames (F, squares, 2), in cells of latents."""
        points, crops = self._points(clip, picks), self.training.crops
        drawn = [draw_corners(points, self.config.size, crops, draws.random) for _ in range(OF_A_FRAME)]
        return {"corners": torch.tensor(drawn).transpose(0, 1) // shrinks_by(self.config.vae)}

    def batch(self, index: int) -> dict[str, Any]:
        draws = Draws.of_batch(self.config.seed, self.name, index, self.training.clips)
        return self.store.rows([each.clip(self.training.squares) for each in draws])


class OnSquares(WithLatents):
    """The loss of the head for detail in squares; errors of pixels too, where they are asked for."""

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        prediction = self.nets.whole.refine(batch["read"][:, None])[:, 0]
        errors = functional.mse_loss(prediction.float(), batch["target"], reduction="none")
        inner = functional.pad(batch["weights"][..., BORDER:-BORDER, BORDER:-BORDER], [BORDER] * 4)
        errors = (errors * inner).sum((1, 2, 3)) / errors.shape[1] / inner.sum((1, 2, 3))
        terms = {"latents": (errors * self.nets.loss_weights(batch["timestep"])).mean()}
        if self.pixel_error is not None:
            made = self.nets.clean(batch["noisy"][:, None], prediction[:, None], batch["timestep"])[:, 0]
            corners = torch.full((len(made), 2), BORDER, device=made.device)
            terms["pixels"] = self.pixel_error(made, batch["latents"], corners)
        loss = torch.stack(list(terms.values())).sum()
        return loss, {name: term.detach() for name, term in terms.items()} if len(terms) > 1 else {}
