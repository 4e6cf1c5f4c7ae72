# SPDX-License-Identifier: Apache-2.0
"""What a sweep does for a point: train, prune, count. Runs on a worker; the folder is the step's.

Points share a training (backbone, encoder, dim) and a pruning (method, sparsity, seed, lanes); only
counting is a point's own. Training and pruning go on from their last epoch when a worker was killed
in it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from golden.cli.sweep.config import Point, digest, to_toml
from golden.cli.sweep.graph import Result, Step
from golden.contract.energy.paper_row import totals
from golden.contract.energy.synaptic import synaptic_layers
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.contract.sparsity import prunable_weights
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune import pruning_run
from golden.lab.prune.network_masks import prunable, sparsity
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.quantise.convert import refusal
from golden.lab.studies.torch_rows import measure
from golden.lab.train import training as training
from golden.lab.train.checkpoint import load_dense, save_dense, trained_on
from golden.lab.train.evaluate import accuracy, firing_rates
from golden.lab.train.loop import CHECKPOINT, Hooks, fit
from golden.lab.train.source import network_input, on_data, tensors_for
from golden.lab.train.training_config import RunConfig

DENSE, PRUNED = "dense.safetensors", "network.safetensors"


def steps(points: list[Point], folder: Path) -> list[Step]:
    """The step of every point, with those that it needs."""
    out = []
    for point in points:
        train = Step(train_step, point.training, folder / "train" / digest(point.training))
        settings = (point.training.network, point.pruning)
        name = digest((point.training, point.pruning))
        prune = Step(prune_step, settings, folder / "prune" / name, (train,))
        own = (point.hardware, point.images)
        name = f"{point.label}.{digest((name, own))}"
        out.append(Step(count_step, own, folder / "points" / name, (train, prune)))
    return out


def train_step(settings: RunConfig, folder: Path) -> Result:
    """`golden train` with these settings."""
    config = folder / "config.toml"
    config.write_text(to_toml(settings))
    run, out = folder / "run", folder / DENSE
    resume = (run / CHECKPOINT).is_file()
    training.train(config, run, out, resume, f"psf train --config {config}")
    model = load_dense(out)
    return {"checkpoint": str(out), "accuracy": accuracy(model, *tensors_for(model, out))}


def prune_step(
    settings: tuple[NetworkConfig, PruneRunConfig], folder: Path, dense: Result
) -> Result:
    """`psf prune` where the contract takes the network; pruning in float alone for the rest."""
    network, config = settings
    path, out = folder / "config.toml", folder / PRUNED
    path.write_text(to_toml(config))
    reason = refusal(network)
    checkpoint = Path(dense["checkpoint"])
    if reason is None:
        command = f"psf prune --config {path} --dense {checkpoint}"
        try:
            facts = pruning_run.prune(path, checkpoint, folder / "run", out, True, command)
            kept = ("accuracy", "weight_sparsity")
            return {"integer": str(out)} | {key: facts[key] for key in kept}
        except UserError as error:
            reason = str(error)
    return _prune_float(config, checkpoint, folder) | {"integer": None, "reason": reason}


def _prune_float(config: PruneRunConfig, checkpoint: Path, folder: Path) -> Result:
    out, run = folder / "run" / pruning_run.FLOAT, folder / "run" / "finetune"
    if not out.is_file():
        model = load_dense(checkpoint)
        if not prunable(model):
            raise UserError(f"backbone {model.config.backbone} has no layer that can be pruned")
        data = on_data(config.finetune, told=trained_on(checkpoint))
        config = replace(config, finetune=data)
        search = MaskSearch(model, config)
        if config.finetune.epochs:
            hooks = Hooks(search.before_epoch, search.after_step)
            twin = load_dense(checkpoint)
            fit(model, config.finetune, run, (run / CHECKPOINT).is_file(), hooks, twin)
            if search.searching:
                search.set(config.search_epochs, searching=False)
        save_dense(out, model, {"config": to_toml(config)}, None, trained_on(checkpoint))
    model = load_dense(out)
    right = accuracy(model, *tensors_for(model, out))
    return {"float": str(out), "accuracy": right, "weight_sparsity": sparsity(model)}


def count_step(settings: tuple[str, int], folder: Path, dense: Result, pruned: Result) -> Result:
    """Input firing rates, synaptic operations and energy; of an integer network the weights that
    are not 0, and cycles where the hardware can."""
    name, count = settings
    path = Path(dense["checkpoint"])
    images, _ = tensors_for(load_dense(path), path, limit=count)
    facts: dict[str, Any] = {"dense_accuracy": dense["accuracy"]}
    facts |= {key: pruned[key] for key in ("accuracy", "weight_sparsity")} | {"weights": None}
    if pruned["integer"] is None:
        model = load_dense(Path(pruned["float"]))
        return facts | _float(model, images) | {"cycles": None, "reason": pruned["reason"]}
    network, pixels = QuantNetwork.load(Path(pruned["integer"])), images.numpy()
    facts |= _synaptic(network, pixels)
    facts["weights"] = sum(int(np.count_nonzero(w)) for w in prunable_weights(network))
    try:
        found = cycles(compile_network(network, Hardware.named(name)), network, pixels)
    except UserError as error:
        return facts | {"cycles": None, "reason": str(error)}
    return facts | {
        "cycles": float(np.mean([image.total for image in found])),
        "limit_ratio": float(np.mean([image.limit_ratio for image in found])),
    }


def _float(model: nn.Module, images: torch.Tensor) -> dict[str, Any]:
    """The same of a network that the hardware cannot run."""
    sums = totals(measure(model, network_input(model, images)))
    return {
        "rates": firing_rates(model, images), "sops": sums["ac"], "macs": sums["mac"],
        "energy_uj": sums["energy_pj"] * 1e-6, "energy_of": "float network, attention included",
    }  # fmt: skip


def _synaptic(network: QuantNetwork, images: np.ndarray) -> dict[str, Any]:
    """Means over the images; the attention products are among the operations."""
    trace = forward(network, images)
    each = [synaptic_layers(network, images, trace, image) for image in range(len(images))]
    return {
        "rates": {
            layers[0].name: float(np.mean([layer.rate for layer in layers]))
            for layers in zip(*each, strict=True) if layers[0].rate is not None
        },
        "sops": float(np.mean([sum(x.operations for x in y if x.rate is not None) for y in each])),
        "macs": float(np.mean([sum(x.operations for x in y if x.rate is None) for y in each])),
        "energy_uj": float(np.mean([sum(layer.energy for layer in y) for y in each])) * 1e-6,
        "energy_of": "integer network, attention included",
    }  # fmt: skip
