# SPDX-License-Identifier: Apache-2.0
"""`psf spikezip train-text`: the quantised text encoder, by quantisation-aware training on MR."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn import functional

from golden.contract import outputs
from golden.contract.files import write_bytes
from golden.contract.progress import Progress
from golden.contract.settings import load
from golden.lab.data import mr
from golden.lab.spikezip.quantised_transformer import QuantTransformer, freeze
from golden.lab.spikezip.samples import record
from golden.lab.spikezip.spikezip_checkpoint import save
from golden.lab.spikezip.text_config import TextRunConfig, TextTrainConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.vocabulary import PAD, START, UNKNOWN, Vocabulary
from golden.lab.train.loop import (
    CHECKPOINT,
    keep_freed_memory,
    log,
    one_cycle,
    parameter_groups,
    refuse_unfinished,
    restore_state,
    save_state,
    torch_bytes,
)

BEST = "best.pt"  # in the run folder: the epoch that counts, and its share of right answers
ALIKE = 16  # batches of this many are sorted by length, so that they hold little PAD


def train(
    config_path: Path, run: Path, out: Path, resume: bool, command: str, fold: int | None = None
) -> None:
    """Train, freeze, evaluate on the test split, write `out` beside its .json and its log. fold: in
    place of the configuration's."""
    config = load(config_path, TextRunConfig)
    settings = config.train if fold is None else dataclasses.replace(config.train, fold=fold)
    outputs.run(run)
    if not resume:
        refuse_unfinished(run)
    keep_freed_memory()
    splits = {name: mr.load(name, settings.fold) for name in mr.SPLITS}
    words = Vocabulary.of(splits["train"].words, config.network.words, settings.rare)
    samples = {
        name: (words.encode(found.words, config.network.length), torch.from_numpy(found.labels))
        for name, found in splits.items()
    }
    torch.manual_seed(settings.seed)
    model = QuantTextEncoder(config.network, words, settings.dropout)
    began = time.monotonic()
    fit(model, settings, config.qat.float_epochs, samples, run, resume)
    minutes = (time.monotonic() - began) / 60
    best = torch.load(run / BEST, map_location="cpu", weights_only=True)
    model.load_state_dict(best["model"])
    right = accuracy(freeze(model), *samples["test"])
    log(
        run,
        f"quantised text encoder, level {config.network.level}, fold {settings.fold}, epoch "
        f"{best['epoch']}: accuracy {right:.4f} on all {len(samples['test'][0])} test sentences, "
        f"{best['accuracy']:.4f} on the validation split, {minutes:.1f} minutes",
    )
    facts = {
        "command": command, "seed": settings.seed, "fold": settings.fold, "accuracy": right,
        "validation_accuracy": best["accuracy"], "epoch": best["epoch"], "bits":
        config.network.bits, "level": config.network.level, "minutes": round(minutes, 1), "config":
        config_path.read_text(),
    }  # fmt: skip
    save(out, model, facts, run / "log.txt", record(settings.fold))
    print(f"{out} written")


def fit(
    model: QuantTextEncoder,
    config: TextTrainConfig,
    float_epochs: int,
    samples: dict[str, tuple[torch.Tensor, torch.Tensor]],
    run: Path,
    resume: bool,
) -> None:
    """Train in place. `run` gets last.pt after every epoch, best.pt and log.txt; resume continues
    from last.pt. The best epoch has quantisers and most right answers on the validation split; of
    equally good ones the first."""
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    tokens, labels = samples["train"]
    steps = -(-len(tokens) // config.batch_size)
    groups = parameter_groups(model, config.learning_rate)
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    peaks = [group["lr"] for group in groups]
    schedule = one_cycle(optimiser, peaks, config.warmup, steps * config.epochs)
    parts = model, optimiser, schedule, generator
    run.mkdir(parents=True, exist_ok=True)
    first, best = 0, -1.0
    if resume:
        first, _ = restore_state(run / CHECKPOINT, *parts)
        if (run / BEST).is_file():
            best = torch.load(run / BEST, map_location="cpu", weights_only=True)["accuracy"]
    for epoch in range(first, config.epochs):
        for quantiser in model.quantisers():
            quantiser.active = epoch >= float_epochs
        began, total = time.monotonic(), 0.0
        model.train()
        with Progress(f"epoch {epoch + 1}/{config.epochs}", "batches") as bar:
            for step, index in enumerate(batches(tokens, config.batch_size, generator), 1):
                given = hidden(tokens[index], config.word_dropout, generator)
                optimiser.zero_grad(set_to_none=True)
                loss = functional.cross_entropy(
                    model(given), labels[index], label_smoothing=config.label_smoothing
                )
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.item()
                bar.update(step, steps, f"loss {loss.item():.3f}")
        right = accuracy(model, *samples["validation"])
        log(
            run,
            f"epoch {epoch + 1}/{config.epochs} {'quantised' if epoch >= float_epochs else 'float'}"
            f" loss {total / steps:.4f} validation accuracy {right:.4f} "
            f"{time.monotonic() - began:.0f} s",
        )
        if epoch >= float_epochs and right > best:
            best = right
            told = {"model": model.state_dict(), "accuracy": right, "epoch": epoch + 1}
            write_bytes(run / BEST, torch_bytes(told))
        save_state(run / CHECKPOINT, *parts, epoch + 1, config.epochs)


def batches(tokens: torch.Tensor, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """The numbers of all sentences (n, N) in random order, `size` at a time; those of a batch have
    similar lengths."""
    lengths = (tokens != PAD).sum(1)
    order = torch.randperm(len(tokens), generator=generator)
    sorted_ = (part[lengths[part].argsort(stable=True)] for part in order.split(ALIKE * size))
    parts = [batch for part in sorted_ for batch in part.split(size)]
    for number in torch.randperm(len(parts), generator=generator).tolist():
        yield parts[number]


def hidden(tokens: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """The sentences with that share of their words unknown, without columns of PAD alone."""
    tokens = tokens[:, : int((tokens != PAD).sum(1).max())]
    drawn = torch.rand(tokens.shape, generator=generator) < share
    return tokens.masked_fill(drawn & (tokens != PAD) & (tokens != START), UNKNOWN)


@torch.no_grad()
def accuracy(model: QuantTransformer, tokens: torch.Tensor, labels: torch.Tensor) -> float:
    """Fraction of the sentences (n, N) classified right, in evaluation mode."""
    model.eval()
    right = 0
    for index, part in model.batches(tokens, 250):
        right += int((model(part).argmax(1) == labels[index]).sum())
    return right / len(labels)
