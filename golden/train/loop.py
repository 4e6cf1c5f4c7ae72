# SPDX-License-Identifier: Apache-2.0
"""The training loop: AdamW, one cycle, a checkpoint after every epoch, progress bar, TensorBoard,
text log."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from golden.data import fashion_mnist
from golden.encoders.learned import RatePenalty
from golden.errors import UserError
from golden.train.batches import batches
from golden.train.config import TrainConfig
from golden.train.evaluate import accuracy, firing_rates

CHECKPOINT = "last.pt"


@dataclass(frozen=True)
class Hooks:
    """Called with the epoch before each epoch, and after each optimiser step with the number of
    epochs done by then, a fraction included."""

    before_epoch: Callable[[int], None] = lambda epoch: None
    after_step: Callable[[float], None] = lambda epochs: None


def split_tensors(split: str, limit: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (n, 1, 28, 28) and int64 labels (n,)."""
    data = fashion_mnist.load(split)
    images, labels = torch.from_numpy(data.images.copy()), torch.from_numpy(data.labels)
    return (images[:limit], labels[:limit]) if limit else (images, labels)


def fit(
    model: nn.Module, config: TrainConfig, run: Path, resume: bool = False, hooks: Hooks = Hooks()
) -> None:
    """Train in place. `run` gets last.pt, log.txt and TensorBoard events; resume continues from
    last.pt."""
    keep_freed_memory()
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    images, labels = split_tensors("train", config.images)
    test_images, test_labels = split_tensors("test", config.monitor_images)
    steps = len(images) // config.batch_size
    if steps == 0:
        raise UserError(
            f"train.batch_size {config.batch_size} is more than the {len(images)} images"
        )
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate, weight_decay=config.weight_decay, fused=True,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps * config.epochs, pct_start=config.warmup,
        cycle_momentum=False,
    )  # fmt: skip
    run.mkdir(parents=True, exist_ok=True)
    first = 0
    if resume:
        first = _restore(run / CHECKPOINT, model, optimiser, schedule, generator)
    writer = SummaryWriter(run)
    bfloat16 = config.precision == "bfloat16"
    penalty = RatePenalty(model, config)
    for epoch in range(first, config.epochs):
        hooks.before_epoch(epoch)
        model.train()
        timesteps = config.early_timesteps if epoch < config.early_epochs else None
        began, total = time.monotonic(), 0.0
        bar = tqdm(
            batches(images, labels, config, generator), f"epoch {epoch + 1}/{config.epochs}", steps,
            mininterval=10, ascii=True,
        )  # fmt: skip
        for step, (pixels, truth) in enumerate(bar, 1):
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = model(pixels, timesteps)
            loss = functional.cross_entropy(
                logits.float(), truth, label_smoothing=config.label_smoothing
            )
            loss = loss + penalty()
            loss.backward()
            optimiser.step()
            schedule.step()
            hooks.after_step(epoch + step / steps)
            total += loss.item()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        seconds = time.monotonic() - began
        right = accuracy(model, test_images, test_labels, bfloat16=bfloat16)
        line = (
            f"epoch {epoch + 1}/{config.epochs} T={timesteps or model.config.timesteps} "
            f"loss {total / steps:.4f} monitor accuracy {right:.4f} "
            f"({len(test_images)} test images) {seconds:.0f} s"
        )
        log(run, line)
        log(run, "  firing rates " + _rates(model, test_images[:250]))
        writer.add_scalar("loss/train", total / steps, epoch + 1)
        writer.add_scalar("accuracy/monitor", right, epoch + 1)
        writer.add_scalar("learning_rate", schedule.get_last_lr()[0], epoch + 1)
        writer.flush()
        _save(run / CHECKPOINT, model, optimiser, schedule, generator, epoch + 1)
    writer.close()


def log(run: Path, line: str) -> None:
    """Print a line and append it to the run's log.txt."""
    print(line, flush=True)
    with (run / "log.txt").open("a") as stream:
        stream.write(line + "\n")


def keep_freed_memory() -> None:
    """Tell glibc to reuse freed blocks: fresh pages for every activation cost a quarter of the
    training time."""
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, (1 << 31) - 1)
    mallopt(m_top_pad, 256 << 20)


def _rates(model: nn.Module, images: torch.Tensor) -> str:
    return " ".join(f"{name} {rate:.3f}" for name, rate in firing_rates(model, images).items())


def _save(path: Path, model, optimiser, schedule, generator, epoch: int) -> None:
    content = {
        "model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule":
        schedule.state_dict(), "generator": generator.get_state(), "torch_rng":
        torch.get_rng_state(), "epoch": epoch,
    }  # fmt: skip
    temporary = path.with_suffix(".part")
    torch.save(content, temporary)
    temporary.replace(path)


def _restore(path: Path, model, optimiser, schedule, generator) -> int:
    if not path.is_file():
        raise UserError(f"there is nothing to resume: {path} does not exist")
    try:
        content = torch.load(path, weights_only=True)
        model.load_state_dict(content["model"])
        optimiser.load_state_dict(content["optimiser"])
        schedule.load_state_dict(content["schedule"])
        generator.set_state(content["generator"])
        torch.set_rng_state(content["torch_rng"])
    except Exception as error:
        raise UserError(
            f"{path} does not fit this configuration: {str(error).splitlines()[0]}"
        ) from error
    return content["epoch"]
