# SPDX-License-Identifier: Apache-2.0
"""A pruning method of one's own, from this file, against balanced pruning by magnitude.

The method is the function `fair`: PE-balanced like the project's, but a weight is worth what it is
among the weights of its own output channel, so that no channel is left with crumbs. The setting
prune.method = "own_pruning.py:fair" is all that names it.

    python examples/own_pruning.py            # three minutes on two cores
    python examples/own_pruning.py --quick

Data: the digits of scikit-learn as an .npz file. Printed for both methods: accuracy of the integer
network, zeros, cycles per image by the cycle model.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from golden.lab.prune.masks import balanced_mask
from golden.lab.prune.network_masks import PruneConfig

CONFIG = "2x8"
NETWORK = """\
[network]
depth = 1
dim = 64
heads = 4
timesteps = 4
height = 8
width = 8
pooled_stages = [3]

[train]
data = "npz:digits.npz"
epochs = {epochs}
images = {train_images}
batch_size = 32
learning_rate = 0.005
precision = "float32"
flip = false
"""
PRUNING = """\
search_epochs = {search}

[prune]
method = "{method}"
lanes = 8
fraction = 0.125

[finetune]
epochs = {finetune}
images = {train_images}
batch_size = 32
precision = "float32"
flip = false

[qat]
epochs = {qat}
images = {train_images}
batch_size = 32
learning_rate = 0.0005
precision = "float32"
flip = false
"""


def fair(
    values: dict[str, torch.Tensor], config: PruneConfig, sparsity: float
) -> dict[str, torch.Tensor]:
    """Masks of zeros and ones for `values`, the worth of every weight by layer, (O, I) or
    (O, I, 3, 3); see docs/guide/add_a_pruning_method.md."""
    masks = {}
    for name, value in values.items():
        mean = value.flatten(1).mean(1).clamp(min=1e-9)
        relative = value / mean.reshape(-1, *(1,) * (value.dim() - 1))
        masks[name] = balanced_mask(relative, config.lanes, config.slots_of(name, len(value)))
    return masks


@dataclass(frozen=True)
class Effort:
    """Epochs of each part; images to train with (0: all), and of the cycle model."""

    epochs: int = 30
    search: int = 8
    finetune: int = 15
    qat: int = 5
    train_images: int = 0
    images: int = 10


QUICK = Effort(epochs=1, search=1, finetune=1, qat=1, train_images=96, images=1)


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Train once, prune by both methods, print the table."""
    from sklearn.datasets import load_digits

    from golden import api
    from golden.cli.call import psf
    from golden.contract.sparsity import weight_sparsity

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/own_pruning"))
    parser.add_argument("--quick", action="store_true", help="little training")
    chosen = parser.parse_args(arguments)
    work, effort = chosen.folder, QUICK if chosen.quick else Effort()
    work.mkdir(parents=True, exist_ok=False)

    digits = load_digits()
    pixels = np.rint(digits.images * 255 / 16).astype(np.uint8)
    np.savez_compressed(work / "digits.npz", images=pixels, labels=digits.target)
    shutil.copy(__file__, work / "own_pruning.py")  # paths are relative to the configuration file

    (work / "train.toml").write_text(NETWORK.format(**vars(effort)))
    dense = work / "dense.safetensors"
    psf("train", "--config", work / "train.toml", "--run", work / "train", "--out", dense)
    found = {}
    for method in ("balanced", "own_pruning.py:fair"):
        name = method.rpartition(":")[2]
        config, out = work / f"{name}.toml", work / f"{name}.safetensors"
        config.write_text(PRUNING.format(method=method, **vars(effort)))
        psf("prune", "--config", config, "--dense", dense, "--run", work / name, "--out", out)
        network = api.load(out)
        cycles = api.estimate(network, api.test_images(network, effort.images).images, CONFIG)
        found[name] = {
            "accuracy": network.provenance["accuracy"], "zeros": weight_sparsity(network),
            "cycles": sum(image.total for image in cycles) / len(cycles),
        }  # fmt: skip
    print(f"{'method':10} {'accuracy':>9} {'zeros':>7} {'cycles per image':>17}")
    for name, row in found.items():
        print(f"{name:10} {row['accuracy']:9.2%} {row['zeros']:7.1%} {row['cycles']:17,.0f}")
    return found


if __name__ == "__main__":
    main()
