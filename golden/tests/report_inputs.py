# SPDX-License-Identifier: Apache-2.0
"""Everything that the report shows, tiny: checkpoints, results, and data sets in their place."""

from __future__ import annotations

import json

import numpy as np

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_network
from golden.lab.data import Split
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.checkpoint import save_dense
from golden.tests.tiny_networks import awake

COUNT, SMALL = 6, {"depth": 1, "dim": 16, "heads": 2, "timesteps": 2}
NETWORKS = {
    "dense": {},
    "zoo/spikformer": {"backbone": "spikformer", "head": "avgpool_fc"},
    "zoo/spikingformer_events": {"in_channels": 2, "input_timesteps": 2, "input_bits": 1},
    "zoo/spikformer_again": {"backbone": "spikformer", "head": "avgpool_fc"},
    "zoo/encoder_direct": {},
    "zoo/encoder_rate": {"encoder": "rate"},
    "zoo/head_sn_fc_avgpool": {},
    "zoo/head_fc_avgpool": {"head": "fc_avgpool"},
    "zoo/spikingformer_elsewhere": {"in_channels": 3},
}
SETS = {"spikingformer_events": "events_fashion_mnist", "spikingformer_elsewhere": "cifar10"}


def load(name: str, _split: str, timesteps: int = 2) -> Split:
    """Random images or frames; one data set is not there."""
    rng = np.random.default_rng(1)
    if name == "cifar10":
        raise UserError("CIFAR-10 is not there: put it into the folder")
    shape = (timesteps, 2, 28, 28) if name.startswith("events") else (1, 28, 28)
    high = 3 if name.startswith("events") else 256
    images = rng.integers(0, high, (COUNT + 3, *shape), dtype=np.uint8)
    return Split(images, np.arange(COUNT + 3) % 10)


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def fill(root) -> None:
    """Everything that the report knows to show."""
    checkpoints, results = root / "golden/checkpoints", root / "golden/results"
    for number, (name, sizes) in enumerate(NETWORKS.items()):
        stem = name.rpartition("/")[2]
        config = f'start = "{stem.removesuffix("_again")}"\n[train]\nseed = {number}\n'
        config += f'data = "{SETS[stem]}"\n' if stem in SETS else ""
        facts = {"command": f"train {stem}", "seed": number, "accuracy": 0.5 + number / 32}
        model = awake(NetworkConfig(**SMALL | sizes), number).float()
        save_dense(checkpoints / f"{name}.safetensors", model, facts | {"config": config})
    for method, sparsity in ("balanced", "balanced"), ("unstructured", "unstructured"):
        network = random_network(IntegerConfig(depth=1, dim=32, heads=2), 3, sparsity=sparsity)
        network.save(checkpoints / f"{method}.safetensors")
    points = []
    for method in "balanced", "uticket":
        for zeros in 0.5, 0.75:
            facts = {"method": method, "weight_sparsity": zeros, "seed": 2, "command": "curves"}
            stem = f"{method}_{100 * zeros:g}"
            write(checkpoints / f"curves/{stem}.json", facts | {"accuracy": 0.9 - zeros / 10})
            rtl = {"cycles": 30000 * (1 - zeros), "utilisation": 0.8125}
            points.append({"checkpoint": f"golden/checkpoints/curves/{stem}.safetensors"} | rtl)
    write(root / "build/reports/curves.json", {"points": points})
    cost = dict.fromkeys(
        ("input_macs", "input_sops", "input_additions", "total_sops", "total_energy"), 4321.5
    )
    made = {"accuracy": 0.8125, "input_energy": 0.25, "training_seed": 1}
    made |= {"training_command": "train"}
    direct, learned = cost | made | {"input_rate": None}, cost | made | {"input_rate": 0.28125}
    against = {"accuracy_points": -0.25, "input_operations": -0.5, "input_additions": 0.125}
    encoders = {"encoders": {"direct": direct, "learned": learned}, "not_trained": {}}
    write(results / "encoders.json", encoders | {"learned_against": {"direct": against}})
    load_of_pes = {"max_over_mean": 1.0625, "utilisation": 0.9375, "row_wait": 2.125}
    method = {"method": "lottery", "what": "in rounds", "accuracy": 0.875, "sparsity": 0.7505}
    method |= {"seed": 2, "command": "compare", "pe_load": load_of_pes}
    pruning = {"dense": {"accuracy": 0.921}, "sparsity": 0.75, "lanes": 16, "methods": [method]}
    write(results / "pruning.json", pruning)
    axes = {"dim": 32, "method": "balanced", "sparsity": 0.75}
    row = axes | {"accuracy": 0.90625, "weight_sparsity": 0.75, "weights": 12345}
    row |= {"cycles": 23456.0, "energy_uj": 1.5}
    other = row | {"dim": 64, "accuracy": 0.9375, "cycles": 34567.0}
    mean = {"seeds": 3, "accuracy_spread": 0.00375, "front_cycles": True, "front_weights": False}
    point = {"dense_accuracy": 0.9225, "limit_ratio": 0.725}
    sweep = {"axes": [*axes, "seed"], "command": "sweep", "means": [row | mean, other | mean]}
    sweep["points"] = [x | point | {"seed": n} for n, x in enumerate((row, other))]
    sweep["config"] = '[network]\ntimesteps = 1\n[train]\ndata = "cifar10"\n'
    write(results / "sweep_widths.json", sweep)
    counts = {"additions": 3186000.0, "pattern_additions": 1716000.0, "cycles": 35000.0}
    base = counts | {"checkpoint": "balanced", "accuracy": 0.9375}
    row = counts | {"penalty": 0.375, "window": 1, "accuracy": 0.90625}
    mean = row | {"seeds": 3, "accuracy_spread": 0.0025, "accuracy_points": -3.125}
    mean |= {"additions_change": -0.4375, "cycles_change": -0.1875}
    price = {"against": base, "means": [mean], "points": [row | {"seed": 2, "minutes": 4.5}]}
    price |= {"images": 8, "hardware": "4x16", "missing": []}
    write(results / "spikes.json", price | {"command": "spikes"})
    curve = {"bits": 4, "timesteps": [1, 2, 3], "accuracy": [0.125, 0.5, 0.84375]}
    curve |= {"firing_rate": [0.5, 0.25, 0.125], "ann_accuracy": 0.85, "spikes_per_neuron": 3.25}
    spikezip = {"curves": {"bit4": curve}, "test_images": 77, "command": "curve", "seed": 1}
    write(results / "spikezip.json", spikezip)
    text = {"curves": {"mr": curve}, "test_sentences": 78, "command": "curve", "seed": 3}
    write(results / "spikezip_text.json", text)
    losses = {"plain": [2.5, 2.25], "torchrun_2": [2.5, 2.375]}
    curve = {"losses": losses, "max_difference": {"plain": {"first_5": 0.0625, "all": 0.125}}}
    ddp = {"curves": {"float32": curve | {"reference": "plain"}}, "command": "ddp"}
    write(results / "ddp.json", ddp | {"processes": 2, "batch_size": 64})
