# SPDX-License-Identifier: Apache-2.0
"""The training loop: AdamW, one cycle, a checkpoint after every epoch, progress, TensorBoard,
text log. In one process, or under torchrun in several (golden.lab.train.distributed)."""

from __future__ import annotations

import ctypes
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from golden.contract.errors import UserError
from golden.contract.files import write_bytes
from golden.contract.progress import Progress
from golden.contract.silence import seen
from golden.contract.unpacking import first_line
from golden.lab.networks.backbones.backbone import Network
from golden.lab.networks.encoders.learned import RatePenalty
from golden.lab.train import distributed
from golden.lab.train.batches import batches
from golden.lab.train.clock import Clock
from golden.lab.train.distillation import Distillation, lessons
from golden.lab.train.evaluate import accuracy, firing_rates
from golden.lab.train.precision import autocast, chosen
from golden.lab.train.recipe import Recipe
from golden.lab.train.scalars import Scalars
from golden.lab.train.source import check, largest, split_tensors, time_first
from golden.lab.train.spike_penalty import SpikePenalty
from golden.lab.train.training_config import TrainConfig

CHECKPOINT = "last.pt"
ENCODER_RATE = 0.1


@dataclass(frozen=True)
class Hooks:
    """Called with the epoch before each epoch, and after each optimiser step with the number of
    epochs done by then, a fraction included; on_loss with the loss of every global batch. Epochs
    are those of the schedule, which a limit of time may make shorter."""

    before_epoch: Callable[[int], None] = lambda epoch: None
    after_step: Callable[[float], None] = lambda epochs: None
    on_loss: Callable[[float], None] = lambda loss: None


def fit(
    model: nn.Module,
    config: TrainConfig,
    run: Path,
    resume: bool = False,
    hooks: Hooks = Hooks(),
    twin: nn.Module | None = None,
) -> None:
    """Train in place. `run` gets last.pt, log.txt and TensorBoard events; resume continues from
    last.pt. twin: whose answers teach where the configuration names no teacher."""
    if not resume:
        refuse_unfinished(run)
    distributed.ranks().check(config.batch_size)
    taught = lessons(config, model, twin)
    model.to(torch.float64 if config.precision == "float64" else None)
    with (
        distributed.placed(model, config.device) as device,
        distributed.parallel(model) as network,
    ):
        _fit(network, model, device, config, run, resume, hooks, taught)
    distributed.ranks().same_noise()


def _fit(
    network: nn.Module,
    model: nn.Module,
    device: torch.device,
    config: TrainConfig,
    run: Path,
    resume: bool,
    hooks: Hooks,
    taught: Distillation | None,
) -> None:
    """`network` is what is called, `model` what is trained."""
    ranks, dtype = distributed.ranks(), next(model.parameters()).dtype
    keep_freed_memory()
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    check(model.config, config)
    source = (config.data, model.config.timesteps)
    parts = split_tensors("train", config.images, *source)
    images, labels = (part.to(device) for part in parts)  # uint8; augmented there
    test_images, test_labels = split_tensors("test", config.monitor_images, *source)
    steps = len(images) // config.batch_size
    if steps == 0:
        raise UserError(
            f"train.batch_size {config.batch_size} is more than the {len(images)} images"
        )
    groups = parameter_groups(model, config.learning_rate, config.vector_rate)
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    schedule = one_cycle(
        optimiser, [group["lr"] for group in groups], config.warmup, steps * config.epochs
    )
    run.mkdir(parents=True, exist_ok=True)
    first, spent = 0, 0.0
    if resume:
        first, spent = restore_state(run / CHECKPOINT, model, optimiser, schedule, generator)
    clock, at = Clock(steps * config.epochs, config.minutes, spent), schedule.last_epoch
    scalars = Scalars(run)
    precision = chosen(config.precision, device.type)
    penalty, price = RatePenalty(model, config), SpikePenalty(model, config)
    recipe = Recipe(config, model.config.in_channels, model.config.classes)
    for epoch in range(first, config.epochs):
        if at >= clock.steps:
            break
        phase = at // steps  # the epoch by the schedule
        hooks.before_epoch(phase)
        ranks.own_noise(config.seed, epoch)
        model.train()
        timesteps = config.early_timesteps if phase < config.early_epochs else None
        began, total = time.monotonic(), 0.0
        parts = batches(images, labels, config, generator, largest(model), recipe, phase)
        bar = Progress(f"epoch {epoch + 1}/{config.epochs}", "batches", quiet=not ranks.first)
        with bar:
            for step, (pixels, truth) in enumerate(parts, 1):
                pixels, truth = ranks.share(pixels).to(device, dtype), ranks.share(truth).to(device)
                optimiser.zero_grad(set_to_none=True)
                inputs = time_first(pixels)
                with autocast(device.type, precision):
                    logits = network(inputs, timesteps)
                logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
                if truth.is_floating_point():  # shares of the classes
                    truth = truth.to(logits.dtype)
                loss = functional.cross_entropy(
                    logits, truth, label_smoothing=config.label_smoothing
                )
                if taught:
                    loss = taught(loss, inputs, logits)
                loss = loss + penalty() + price()
                loss.backward()
                optimiser.step()
                at = clock.position(epoch * steps + step)
                schedule.last_epoch = at - 1
                schedule.step()
                hooks.after_step(at / steps)
                shown = ranks.mean(loss)
                hooks.on_loss(shown)
                total += shown
                bar.update(step, steps, f"loss {shown:.3f}")
                if at >= clock.steps:
                    break
        seconds = time.monotonic() - began
        if not ranks.first:
            continue
        right = accuracy(model, test_images, test_labels, precision=precision)
        line = (
            f"epoch {epoch + 1}/{config.epochs} T={timesteps or model.config.timesteps} "
            f"{precision} loss {total / step:.4f} monitor accuracy {right:.4f} "
            f"({len(test_images)} test images) {seconds:.0f} s"
        )
        log(run, line)
        watched = test_images[:250]
        rates = firing_rates(model, watched)
        shown_rates = (f"{name} {rate:.3f}" for name, rate in rates.items())
        log(run, "  firing rates " + " ".join(shown_rates))
        if at >= clock.steps:
            for sentence in seen(rates, f"{len(watched)} test images"):
                log(run, f"warning: {sentence}")
        rate = schedule.get_last_lr()[0]
        values = {"loss/train": total / step, "accuracy/monitor": right, "learning_rate": rate}
        scalars.add(epoch + 1, values)
        epochs = epoch + 1 if at >= clock.steps else config.epochs
        parts = model, optimiser, schedule, generator
        save_state(run / CHECKPOINT, *parts, epoch + 1, epochs, clock.seconds)
        if epochs < config.epochs:
            log(run, f"the {config.minutes:g} minutes are over after {epoch * steps + step} steps")


def one_cycle(
    optimiser: torch.optim.Optimizer, peaks: list[float], warmup: float, steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """A schedule of so many steps with a rise over the share `warmup` of them.

    torch divides by the length of the rise less one step and by that of the fall, and gives the
    only step of a run the least rate of all. So a rise of one step or of all is shorter by next to
    nothing, and a run of one step is the first half of one of two: its step has the peak.
    """
    if steps == 1:
        steps, warmup = 2, 0.5
    if abs(warmup * steps - 1) < 1e-9 or warmup == 1:
        warmup *= 1 - 1e-9
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peaks, total_steps=steps, pct_start=warmup, cycle_momentum=False
    )


def parameter_groups(model: nn.Module, rate: float, vectors: float = 1.0) -> list[dict[str, Any]]:
    """Parameter groups: matrices decay; vectors do not, and learn at `vectors` times the rate; the
    few numbers of a learned encoder, which move all that is behind them, learn at ENCODER_RATE of
    it and do not decay."""
    encoder = list(model.encoder.parameters()) if isinstance(model, Network) else []
    known = {id(parameter) for parameter in encoder}
    rest = [p for p in model.parameters() if id(p) not in known]
    groups = [
        {"params": [p for p in rest if p.dim() > 1], "lr": rate},
        {"params": [p for p in rest if p.dim() <= 1], "lr": vectors * rate, "weight_decay": 0.0},
    ]
    if encoder:
        groups.append({"params": encoder, "lr": ENCODER_RATE * rate, "weight_decay": 0.0})
    return groups


def log(run: Path, line: str) -> None:
    """Print a line and append it to the run's log.txt; of several processes, the first does."""
    if not distributed.ranks().first:
        return
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


def refuse_unfinished(run: Path) -> None:
    """UserError if the folder holds the state of a training that was stopped, which a new one would
    replace."""
    path = run / CHECKPOINT
    if not path.is_file():
        return
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        epoch, epochs = content["epoch"], content.get("epochs", content["epoch"])
    except Exception as error:  # torch.load of a damaged file raises anything
        raise UserError(
            f"{path} is damaged, or a state of another version "
            f"({str(error).partition(chr(10))[0]}): name another --run, or remove it"
        ) from None
    if epoch < epochs:
        raise UserError(
            f"{path} holds {epoch} of {epochs} epochs of a training that was stopped: go on with "
            "--resume, name another --run, or remove it"
        )


def save_state(
    path: Path, model, optimiser, schedule, generator, epoch: int, epochs: int, seconds: float = 0.0
) -> None:
    """Write everything that a training needs to go on after so many of its epochs and seconds."""
    content = {
        "model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule":
        schedule.state_dict(), "generator": generator.get_state(), "torch_rng":
        torch.get_rng_state(), "epoch": epoch, "epochs": epochs, "seconds": seconds,
    }  # fmt: skip
    if torch.cuda.is_available():
        content["cuda_rng"] = torch.cuda.get_rng_state()
    write_bytes(path, torch_bytes(content))


def torch_bytes(content: Any) -> bytes:
    """What torch.save writes. To a file it does not say why it fails, on a full disk for one."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def restore_state(path: Path, model, optimiser, schedule, generator) -> tuple[int, float]:
    """Take it all back from a file of `save_state`; epochs and seconds of the training so far."""
    if not path.is_file():
        raise UserError(f"there is nothing to resume: {path} does not exist")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(content["model"])
        optimiser.load_state_dict(content["optimiser"])
        schedule.load_state_dict(content["schedule"])
        generator.set_state(content["generator"])
        torch.set_rng_state(content["torch_rng"])
        if "cuda_rng" in content and torch.cuda.is_available():
            torch.cuda.set_rng_state(content["cuda_rng"])
    except Exception as error:
        raise UserError(f"{path} does not fit this configuration: {first_line(error)}") from error
    return content["epoch"], content.get("seconds", 0.0)
