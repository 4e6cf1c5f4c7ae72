# SPDX-License-Identifier: Apache-2.0
"""How a network is trained, and the TOML file of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from golden.contract.settings import Settings, beside
from golden.lab.data import absolute
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.precision import Precision

MOST_EPOCHS, MOST_IMAGES = 10_000, 100_000_000
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1, description="of everything random")]


@dataclass(frozen=True)
class TrainConfig(Settings, table="train"):
    """One run of AdamW under a one-cycle schedule.

    The early epochs cost less and teach the same filters. Nothing is selected by the monitor
    images, the last epoch counts.
    """

    seed: Seed = 1
    data: Annotated[
        str,
        Meta(description="a data set of `psf data list` or a place of your own, relative to the "
             "file; nothing: that of the checkpoint that the training begins with, without one "
             "Fashion-MNIST", extra={"anchor": absolute}),
    ] = ""  # fmt: skip
    epochs: Annotated[int, Meta(ge=1, le=MOST_EPOCHS, description="passes over the images")] = 18
    minutes: Annotated[
        float,
        Meta(ge=0, le=100_000, description="after which the training ends, with the rest of its "
             "epochs left out; the schedule then follows the time (golden.lab.train.clock). 0: no "
             "limit"),
    ] = 0.0  # fmt: skip
    early_epochs: Annotated[
        int, Meta(ge=0, le=MOST_EPOCHS, description="first epochs, run in `early_timesteps`")
    ] = 0
    early_timesteps: Annotated[int, Meta(ge=1, le=64, description="T of the early epochs")] = 2
    batch_size: Annotated[
        int, Meta(ge=1, le=1 << 20, description="images of a step, of all processes together")
    ] = 128
    learning_rate: Annotated[float, Meta(gt=0, le=10, description="the peak of the cycle")] = 3e-3
    vector_rate: Annotated[
        float,
        Meta(gt=0, le=1000, description="learning rate of vectors over that of matrices: of biases "
             "and of the scales of norms, which move thresholds"),
    ] = 1.0  # fmt: skip
    warmup: Annotated[
        float, Meta(ge=0, le=1, description="share of the steps in which the rate rises")
    ] = 0.2
    weight_decay: Annotated[float, Meta(ge=0, le=10, description="of matrices")] = 0.01
    label_smoothing: Annotated[float, Meta(ge=0, lt=1, description="of the loss")] = 0.1
    flip: Annotated[bool, Meta(description="mirror half of the images, left to right")] = True
    shift: Annotated[
        int,
        Meta(ge=0, le=32, description="pixels by which images move at random, at the most: a "
             "random crop of the image in a border of so many black pixels"),
    ] = 1  # fmt: skip
    randaugment: Annotated[
        int, Meta(ge=0, le=8, description="operations of RandAugment on an image, 0 for none")
    ] = 0
    randaugment_magnitude: Annotated[
        int, Meta(ge=1, le=29, description="how much they change, of 30")
    ] = 9
    erase: Annotated[
        float,
        Meta(ge=0, le=1, description="share of the images in which a random rectangle, 2 to 33 % "
             "of the image, becomes black"),
    ] = 0.0  # fmt: skip
    mixup: Annotated[
        float,
        Meta(ge=0, le=10, description="a of the distribution Beta(a, a) of the share that an image "
             "has in its mixture with another, 0 does not mix"),
    ] = 0.0  # fmt: skip
    cutmix: Annotated[
        float,
        Meta(ge=0, le=10, description="the same of the area that an image keeps when a rectangle "
             "of another replaces the rest; with `mixup`, a batch has one of the two"),
    ] = 0.0  # fmt: skip
    mix_epochs: Annotated[
        int,
        Meta(ge=0, le=MOST_EPOCHS, description="first epochs, those with `mixup` and `cutmix`; 0 "
             "for all of them"),
    ] = 0  # fmt: skip
    precision: Annotated[
        Precision,
        Meta(description="of the training, bfloat16 by autocast; auto: bfloat16 where the machine "
             "has instructions for it, else float32"),
    ] = "auto"  # fmt: skip
    images: Annotated[
        int, Meta(ge=0, le=MOST_IMAGES, description="training images, 0 for all of them")
    ] = 0
    monitor_images: Annotated[
        int,
        Meta(ge=0, le=MOST_IMAGES, description="test images that are classified after an epoch, 0 "
             "for all of them"),
    ] = 2000  # fmt: skip
    encoder_penalty: Annotated[
        float,
        Meta(ge=0, le=1000, description="the loss grows by this times what the firing rate of a "
             "learned encoder exceeds `encoder_rate` by"),
    ] = 0.0  # fmt: skip
    encoder_rate: Annotated[
        float, Meta(ge=0, le=1, description="firing rate that a learned encoder may have")
    ] = 0.0
    spike_penalty: Annotated[
        float,
        Meta(ge=0, le=1000, description="the loss grows by this times the logarithm of the "
             "additions that spikes cause: one per cent of them is worth a hundredth of it"),
    ] = 0.0  # fmt: skip
    spike_window: Annotated[
        int,
        Meta(ge=1, le=64, description="timesteps in a row in which a neuron pays once for a row of "
             "weights, however often it fires; 1: for every spike"),
    ] = 1  # fmt: skip
    distill: Annotated[
        float,
        Meta(ge=0, le=1, description="share of the loss that compares the answers with those of a "
             "teacher (golden.lab.train.distillation)"),
    ] = 0.0  # fmt: skip
    distill_temperature: Annotated[
        float, Meta(gt=0, le=100, description="by which the logits of both are divided there")
    ] = 2.0
    teacher: Annotated[
        str,
        Meta(description="float checkpoint of the teacher; nothing: the dense network that a "
             "pruning began with", extra={"anchor": beside}),
    ] = ""  # fmt: skip
    device: Annotated[
        Literal["cpu", "cuda", "auto"], Meta(description="auto: CUDA where torch sees it")
    ] = "cpu"


@dataclass(frozen=True)
class RoundConfig(TrainConfig, table="train"):
    """A training that may be left out."""

    epochs: Annotated[
        int, Meta(ge=0, le=MOST_EPOCHS, description="passes over the images, 0 leaves it out")
    ] = 18


@dataclass(frozen=True)
class RunConfig(Settings):
    """A TOML file of `psf train`. start: golden.lab.train.checkpoint.warm_start."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    start: Annotated[
        str,
        Meta(description="float checkpoint to begin with, nothing for random weights",
             extra={"anchor": beside}),
    ] = ""  # fmt: skip
