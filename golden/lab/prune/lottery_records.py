# SPDX-License-Identifier: Apache-2.0
"""What a lottery writes down after each round, and how it finds its way back after a cut."""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.lab.prune.network_masks import prunable
from golden.lab.prune.utilisation import lane_work, load, utilisation
from golden.lab.train.evaluate import accuracy
from golden.lab.train.source import split_tensors

NAME = "lottery.json"


class Records:
    """lottery.json of a run folder: the configuration's text and one record per round."""

    def __init__(self, run: Path, text: str) -> None:
        self.path, self.text = run / NAME, text
        before, self.rounds = _read(self.path, text)
        if before != text:
            raise UserError(
                f"{run} holds a lottery with another configuration: name another run folder"
            )

    def add(self, entry: dict) -> str:
        """Append and write; the line for the log."""
        self.rounds.append(entry)
        write_json(self.path, {"config": self.text, "rounds": self.rounds})
        return (
            f"round {entry['round']}: sparsity {entry['sparsity']:.4%}, accuracy "
            f"{entry['accuracy']:.4f} (float, all test images), PE utilisation "
            f"{entry['utilisation']:.3f}, {entry['minutes']:.1f} minutes"
        )


def record(model: nn.Module, number: int, lanes: int, minutes: float, data: str = "") -> dict:
    """Facts of a trained round: accuracy is that of the float network on all test images,
    utilisation the mean over the layers (golden.lab.prune.utilisation)."""
    masks = {name: layer.mask for name, layer in prunable(model).items()}
    weights = sum(mask.numel() for mask in masks.values())
    found = load(masks, lanes)
    return {
        "round": number,
        "weights": weights,
        "zeros": weights - found.weights,
        "sparsity": 1 - found.weights / weights,
        "accuracy": accuracy(
            model, *split_tensors("test", 0, data, model.config.timesteps), precision="auto"
        ),
        "utilisation": found.utilisation,
        "layers": {
            name: {
                "sparsity": float((mask == 0).float().mean()),
                "utilisation": utilisation(lane_work(mask, lanes).sum(1)),
            }
            for name, mask in masks.items()
        },
        "minutes": round(minutes, 2),
    }


def same_run(run: Path, text: str) -> bool:
    """Whether the folder holds no lottery yet or one of this configuration."""
    return _read(run / NAME, text)[0] == text


def _read(path: Path, text: str) -> tuple[str, list[dict]]:
    """(configuration, rounds); of `text` none yet if there is no file."""
    if not path.is_file():
        return text, []
    try:
        found = json.loads(path.read_text())
        return found["config"], found["rounds"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error}): remove the run folder") from None
