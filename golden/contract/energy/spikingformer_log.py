# SPDX-License-Identifier: Apache-2.0
"""The energy that the authors of Spikingformer log for Spikingformer-8-512 on ImageNet, from their
firing rates and our count of the products.

Their script (zhouchenlin2096/Spikingformer, imagenet/energy_consumption_calculation_on_imagenet.py
and energy_consumption_calculation/, built on syops-counter) adds up:
* MAC: layers whose input is not {0, 1}: the first convolution, which runs on the image at each of
  the T timesteps, and the head, once, bias included.
* AC: every other convolution: (products + bias additions) of T timesteps times the firing rate of
  its input. The bias is multiplied by the rate, too.
* Attention: T * heads * N * d * d * (min(rate of k, rate of v) + rate of q).
BatchNorm, LIF and pooling are printed there, but are not part of the energy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from golden.contract.energy.paper_row import Row
from golden.contract.energy.synaptic import AC, MAC
from golden.contract.errors import UserError

FILE = "spikingformer_8_512.json"


def published() -> dict[str, Any]:
    """Firing rates (0..1) of every layer's input, and the figures that the log ends with."""
    return json.loads(resources.files("golden.contract.energy").joinpath(FILE).read_text())


def rates(log: dict[str, Any]) -> dict[str, float]:
    """The published rates by the names of golden.lab.studies.torch_rows.measure."""
    found = {f"tokenizer.stages.{i}": rate for i, rate in enumerate(log["tokenizer"], 1)}
    for i, block in enumerate(log["blocks"]):
        attention, mlp = f"blocks.{i}.attention", f"blocks.{i}.mlp"
        found |= {f"{attention}.{part}": block["qkv"] for part in "qkv"}
        found[f"{attention}.product1"] = min(block["k_spikes"], block["v_spikes"])
        found[f"{attention}.product2"] = block["q_spikes"]
        found[f"{attention}.proj"] = block["proj"]
        found |= {f"{mlp}.{part}": block[part] for part in ("mlp1", "mlp2")}
    return found


def as_logged(rows: Iterable[Row], log: dict[str, Any], timesteps: int = 4) -> dict[str, float]:
    """{'mac_g', 'ac_g', 'energy_mj'} by the authors' rules of the products in `rows` (of an
    ImageNet-shape network, made by measure on meta tensors) at the published rates."""
    known, mac, ac = rates(log), 0.0, 0.0
    for row in rows:
        work = row.flops + row.bias
        if row.name == "tokenizer.stages.0":
            mac += work * timesteps  # once per image here, once per timestep there
        elif row.name == "head":
            mac += work
        elif row.name in known:
            ac += work * known.pop(row.name)
        else:
            raise UserError(f"layer {row.name} is none of the published ones")
    if known:
        raise UserError(f"the network lacks the published layers {', '.join(known)}")
    return {"mac_g": mac / 1e9, "ac_g": ac / 1e9, "energy_mj": (mac * MAC + ac * AC) / 1e9}
