# SPDX-License-Identifier: Apache-2.0
"""From a folder of PNG files to a pruned network on the accelerator's RTL.

The 1,797 handwritten digits of scikit-learn, 8x8 pixels, are written as PNG files, one folder per
class. For all ten classes, and then for five of them:

  train -> prune, balanced, to a quarter of the weights -> quantise -> simulate the RTL, where every
  spike is compared -> classify one PNG file on the RTL

    python examples/own_data.py            # about six minutes of one core
    python examples/own_data.py --quick    # the same way with little training, for the tests

The program psf runs here in this process; each line that begins with '$' can be typed as it stands.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from golden import api
from golden.cli.call import psf

CONFIG = "2x8"  # hardware: 2 groups of 8 PEs
TRAINING = """\
[network]               # a Spikingformer-1-64 with one pool: 8x8 pixels -> 4x4 tokens
depth = 1
dim = 64
heads = 4
timesteps = 4
height = 8
width = 8
classes = {classes}
pooled_stages = [3]

[train]
data = "{data}"         # relative to this file
epochs = {epochs}
images = {train_images}  # 0: all
batch_size = 64
learning_rate = 0.005
flip = false            # a mirrored digit is another one
"""
PRUNING = """\
search_epochs = {search}
ramp = 0.5

[prune]                 # PE-balanced: the same number of weights in every row and lane
method = "balanced"
lanes = 8
fraction = 0.25

[finetune]
epochs = {finetune}
images = {train_images}
batch_size = 64
learning_rate = 0.003
flip = false

[qat]                   # quantisation-aware
epochs = {qat}
images = {train_images}
batch_size = 64
learning_rate = 0.0005
flip = false
"""


@dataclass(frozen=True)
class Effort:
    """Epochs of each part; images to train with (0: all), and those that the RTL sees."""

    epochs: int = 40
    search: int = 8
    finetune: int = 15
    qat: int = 5
    train_images: int = 0
    images: int = 50


QUICK = Effort(epochs=1, search=1, finetune=1, qat=1, train_images=96, images=2)


def write_digits(folder: Path) -> None:
    """folder/CLASS/NUMBER.png, grey, 8x8 pixels of 0..255."""
    digits = load_digits()
    pixels = np.rint(digits.images * 255 / 16).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
        path = folder / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def run(work: Path, name: str, data: str, classes: int, effort: Effort) -> dict[str, float]:
    """The whole way for one data set; its figures."""
    own = work / name
    own.mkdir()
    train, prune = own / "train.toml", own / "prune.toml"
    train.write_text(TRAINING.format(data=data, classes=classes, **vars(effort)))
    prune.write_text(PRUNING.format(**vars(effort)))
    dense, network = own / "dense.safetensors", own / "network.safetensors"
    psf("train", "--config", train, "--run", own / "train", "--out", dense)
    psf("prune", "--config", prune, "--dense", dense, "--run", own / "prune", "--out", network)
    psf("accuracy", "--dense", dense, "--pruned", network, "--out", own / "accuracy.json")
    psf("sim", "--checkpoint", network, "--config", CONFIG, "--images", effort.images)
    psf("classify", work / "digits/3/3.png", "--checkpoint", network, "--rtl", "--config", CONFIG)

    quantised = api.load(network)  # and the same answers from Python
    test = api.test_images(quantised)
    labels = api.forward(quantised, test.images).label
    return {"accuracy": float((labels == test.labels).mean()), "images": len(labels)}


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Write the data, go the way twice, print the accuracies of the integer networks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/own_data"), help="a new folder")
    parser.add_argument("--quick", action="store_true", help="little training")
    chosen = parser.parse_args(arguments)
    work = chosen.folder
    work.mkdir(parents=True, exist_ok=False)
    write_digits(work / "digits")
    effort = QUICK if chosen.quick else Effort()
    found = {
        "ten": run(work, "ten", "../digits", 10, effort),
        "five": run(work, "five", "../digits,classes=0+1+2+3+4", 5, effort),
    }
    for name, figures in found.items():
        print(f"{name} classes: {figures['accuracy']:.2%} of {figures['images']} test images")
    return found


if __name__ == "__main__":
    main()
