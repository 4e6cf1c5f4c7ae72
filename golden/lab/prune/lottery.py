# SPDX-License-Identifier: Apache-2.0
"""Lottery tickets with rewinding: train, prune a share of what is left, rewind, train again.

Frankle and Carbin (arXiv 1803.03635); rewinding to the weights after a few epochs instead of the
initial ones: Frankle et al. (arXiv 1912.05671). LoAS prunes so: 25 % of the weights left, by global
magnitude, in each of 15 rounds of 50 epochs, rewound to epoch 20 (its config_lth.py). With
`recover` every round ends in the recovery of u-Ticket (arXiv 2302.06746), which adds and removes
weights until the lanes of a layer have the same number: its masks need not be nested.

A run folder holds `rewind.safetensors` (the state that is rewound to), `rewind.pt` (the same with
optimiser, schedule and random numbers, for late rewinding), `round_<r>/` with the state after
training, and `lottery.json` with a record per finished round. A run that was cut goes on behind its
last finished epoch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
from msgspec import Meta
from safetensors.torch import load_file, save
from torch import nn

from golden.contract import outputs
from golden.contract.errors import UserError
from golden.contract.files import write_bytes
from golden.contract.paths import of_setting
from golden.contract.settings import Settings, beside, load
from golden.lab.data import record as data_record
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.lottery_records import Records, record
from golden.lab.prune.masks import balance_lanes, prune_further
from golden.lab.prune.network_masks import PruneConfig, prunable, put_masks, worth
from golden.lab.train.checkpoint import load_dense, save_dense, trained_on
from golden.lab.train.loop import CHECKPOINT, Hooks, fit, log, torch_bytes
from golden.lab.train.source import on_data
from golden.lab.train.training_config import MOST_EPOCHS, TrainConfig

STATE = "state.safetensors"  # of a round, after its training
REWIND = "rewind.safetensors"


@dataclass(frozen=True)
class LotteryConfig(Settings):
    """A TOML file of `psf lottery`.

    start: '' begins with random weights (train.seed) of [network] and trains them dense in round 0;
    the path of a float checkpoint makes its weights both the trained ones of round 0 and those that
    are rewound to (rewinding to the end of a training that was done elsewhere).
    [prune]: method 'unstructured' (global) or 'layerwise', importance, lamp, emphasis and lanes.
    [train]: `epochs` is the length of a round, rewound epochs included.
    """

    rounds: Annotated[int, Meta(ge=1, le=1000, description="rounds of pruning")] = 15
    fraction: Annotated[
        float, Meta(gt=0, lt=1, description="of the weights left, dropped in a round")
    ] = 0.25
    rewind_epoch: Annotated[
        int,
        Meta(ge=0, le=MOST_EPOCHS, description="the state that is rewound to: after so many epochs "
             "of the dense round, 0 for the initial weights"),
    ] = 0  # fmt: skip
    recover: Annotated[bool, Meta(description="u-Ticket's recovery after each round")] = False
    start: Annotated[
        str,
        Meta(description="float checkpoint instead of the dense round", extra={"anchor": beside}),
    ] = ""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    prune: PruneConfig = field(default_factory=lambda: PruneConfig(method="unstructured"))
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rewind_epoch >= self.train.epochs:
            raise UserError(
                f"rewind_epoch is {self.rewind_epoch}, a round has train.epochs = "
                f"{self.train.epochs} and must train at least one behind it"
            )
        if self.start and self.rewind_epoch:
            raise UserError("rewind_epoch needs the dense round: leave out start, or rewind to 0")
        if self.prune.method not in ("unstructured", "layerwise") or self.prune.measured:
            raise UserError(
                "a lottery prunes with prune.method 'unstructured' or 'layerwise' and "
                "prune.importance 'magnitude' or 'gain'"
            )

    def zeros(self, weights: int, number: int) -> int:
        """Of `weights` after round `number`: exactly what is not (1 - fraction) ^ number."""
        return weights - round(weights * (1 - self.fraction) ** number)


def lottery(config_path: Path, run: Path, out: Path, command: str) -> list[dict]:
    """Run or continue the rounds of a TOML file; the last ticket goes to the float checkpoint `out`
    beside its .json and .log. The record of every round (golden.lab.prune.lottery_records)."""
    config = load(config_path, LotteryConfig)
    return draw(config, config_path.read_text(), run, out, command)


def draw(config: LotteryConfig, text: str, run: Path, out: Path, command: str) -> list[dict]:
    """The same for a configuration that is already read; `text` tells one run from another."""
    outputs.run(run)
    told = trained_on(of_setting(config.start)) if config.start else None
    config = replace(config, train=on_data(config.train, told=told))
    records = Records(run, text)
    for number in range(config.rounds + 1):
        if number >= len(records.rounds):
            began = time.monotonic()
            model = _round(config, run, number)
            write_bytes(_folder(run, number) / STATE, save(_plain(model)))
            minutes = (time.monotonic() - began) / 60
            line = records.add(
                record(model, number, config.prune.lanes, minutes, config.train.data)
            )
            log(run, line)
    model = _network(config)
    model.load_state_dict(_read(_folder(run, config.rounds) / STATE))
    facts = {"command": command, "seed": config.train.seed, "method": "lottery"}
    facts |= {"config": text, "rounds": records.rounds}
    save_dense(out, model, facts, run / "log.txt", data_record(config.train.data))
    return records.rounds


def _round(config: LotteryConfig, run: Path, number: int) -> nn.Module:
    """The network after round `number`; 0 is the dense one."""
    folder, model = _folder(run, number), _network(config)
    folder.mkdir(exist_ok=True)
    resume = (folder / CHECKPOINT).is_file()
    if number == 0:
        if not (run / REWIND).is_file() and not config.rewind_epoch:
            _keep(model, run)
        if not config.start:
            hooks = Hooks(lambda epoch: _keep_late(config, model, run, epoch))
            fit(model, config.train, folder, resume, hooks)
        return model
    if not resume:
        model.load_state_dict(_read(_folder(run, number - 1) / STATE))
        masks = next_masks(model, config, number)
        model.load_state_dict(rewound(run, masks))
        put_masks(model, masks, searching=False)
        if config.rewind_epoch:
            _late_checkpoint(run, folder, masks)
            resume = True
    fit(model, config.train, folder, resume)
    return model


@torch.no_grad()
def next_masks(model: nn.Module, config: LotteryConfig, number: int) -> dict[str, torch.Tensor]:
    """Masks of round `number`, from the trained weights and masks of the round before."""
    values = worth(model, config.prune)
    old = {name: layer.mask for name, layer in prunable(model).items()}
    together = [[name] for name in old] if config.prune.method == "layerwise" else [list(old)]
    masks = {}
    for names in together:
        before = {name: old[name] for name in names}
        weights = sum(mask.numel() for mask in before.values())
        dropped = weights - sum(int(mask.sum()) for mask in before.values())
        zeros = max(config.zeros(weights, number), dropped)
        masks |= prune_further({name: values[name] for name in names}, before, zeros)
    return balance_lanes(masks, values, config.prune.lanes) if config.recover else masks


def rewound(run: Path, masks: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The kept state, bit for bit, with other masks."""
    return _read(run / REWIND) | {f"{name}.mask": mask for name, mask in masks.items()}


def _network(config: LotteryConfig) -> nn.Module:
    """The initial network, dense, its masks part of its state."""
    torch.manual_seed(config.train.seed)
    model = load_dense(of_setting(config.start)) if config.start else Spikingformer(config.network)
    ones = {name: torch.ones_like(layer.weight) for name, layer in prunable(model).items()}
    put_masks(model, {name: mask.detach() for name, mask in ones.items()}, searching=False)
    return model


def _keep(model: nn.Module, run: Path) -> None:
    write_bytes(run / REWIND, save(_plain(model)))


def _keep_late(config: LotteryConfig, model: nn.Module, run: Path, epoch: int) -> None:
    """Before an epoch of the dense round: keep the state if it is the one to rewind to."""
    if epoch and epoch == config.rewind_epoch:
        content = (_folder(run, 0) / CHECKPOINT).read_bytes()
        write_bytes(run / "rewind.pt", content)
        _keep(model, run)


def _late_checkpoint(run: Path, folder: Path, masks: dict[str, torch.Tensor]) -> None:
    """A checkpoint of the loop that continues at the rewinding epoch with other masks."""
    content = torch.load(run / "rewind.pt", map_location="cpu", weights_only=True)
    content["model"] |= {f"{name}.mask": mask for name, mask in masks.items()}
    write_bytes(folder / CHECKPOINT, torch_bytes(content))


def _plain(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UserError(f"{path} is missing: begin the lottery anew in an empty run folder")
    return load_file(path)


def _folder(run: Path, number: int) -> Path:
    return run / f"round_{number:02d}"
