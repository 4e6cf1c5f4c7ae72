# SPDX-License-Identifier: Apache-2.0
"""`psf accuracy`: what the committed checkpoints are worth on all test images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from golden.contract.files import write_json
from golden.contract.network import QuantNetwork
from golden.contract.sparsity import weight_sparsity
from golden.lab.data import name_for, shown, title
from golden.lab.quantise.twin import labels
from golden.lab.train.checkpoint import load_dense, trained_on
from golden.lab.train.evaluate import accuracy
from golden.lab.train.source import tensors_for


def report(dense: Path, pruned: Path, out: Path, data: str = "") -> dict[str, Any]:
    """Print and write the accuracies (fractions) and the sparsity, on all test images of `data`, or
    else of the data set that the pruned network, or the dense one, was trained on.

    The integer network is evaluated by golden.lab.quantise.twin, which
    golden/tests/lab/test_twin.py holds
    equal to golden.contract on every layer.
    """
    model, network = load_dense(dense), QuantNetwork.load(pruned)
    told = network.provenance.get("data", {})
    data = name_for(told or trained_on(dense), data)
    images, truth = tensors_for(model, dense, data=data)
    own = shown(network.config, told, data)
    answers = labels(network, torch.from_numpy(own.images)).numpy()
    facts = {
        "dense": accuracy(model, images, truth),
        "pruned_int8": float((answers == own.labels).mean()),
        "weight_sparsity": weight_sparsity(network),
        "test_images": len(images),
    }
    write_json(out, facts, indent=2)
    print(f"{title(data)}, {facts['test_images']} test images")
    print(f"  dense float        {facts['dense']:7.2%}   {dense}")
    print(f"  pruned int8        {facts['pruned_int8']:7.2%}   {pruned}")
    print(f"  loss               {100 * (facts['dense'] - facts['pruned_int8']):6.2f} points")
    print(f"  weights that are 0 {facts['weight_sparsity']:7.2%}   first and last layer apart")
    return facts
