# SPDX-License-Identifier: Apache-2.0
"""Layers that never fire or always fire, whatever the input: what the integers alone prove.

A LIF whose current is at most X in every timestep has a potential of at most U = X + (U >>> 1) step
by step; below its threshold it never fires. One whose current is never below its threshold fires in
every timestep. What can reach a layer follows from the layers in front of it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from golden.contract.model import ATTENTION_THETA2
from golden.contract.network import QuantNetwork, ResidualLayer, SpikeLayer
from golden.contract.ranges import bounds, input_max


@dataclass(frozen=True)
class Stuck:
    """A layer that fires ``how``, "never" or "always", and ``why``."""

    layer: str
    how: str
    why: str

    def __str__(self) -> str:
        return f"layer {self.layer} {self.how} fires, whatever the input: {self.why}"


def stuck(network: QuantNetwork) -> list[Stuck]:
    """The layers all of whose neurons never fire, or all of which always do, in the order of
    execution: the first one is the cause of those that only follow."""
    return _Walk(network).found


def warn(network: QuantNetwork) -> None:
    """Print a warning to stderr for every such layer."""
    for layer in stuck(network):
        print(f"warning: {layer}", file=sys.stderr)


def seen(rates: Mapping[str, float], inputs: str) -> list[str]:
    """Sentences about layers by their firing rates over ``inputs``, in the order of execution."""
    out = []
    for how, rate in (("never", 0.0), ("always", 1.0)):
        names = [name for name, found in rates.items() if found == rate]
        if names:
            behind = f"; behind it {', '.join(names[1:])}" if names[1:] else ""
            out.append(f"layer {names[0]} {how} fires over {inputs}{behind}")
    return out


class _Walk:
    """Through the layers, with what their inputs can be: the largest value of every channel."""

    def __init__(self, network: QuantNetwork) -> None:
        self.network, self.found = network, []
        config = network.config
        self.low = self.high = np.zeros(config.dim, np.int64)
        x, name = None, "the input"
        for layer_name, layer in network.stages:
            most = input_max(network, layer_name) if x is None else x
            x, name = self.layer(layer_name, layer, most, name), layer_name
        for index, block in enumerate(network.blocks):
            at = f"blocks.{index}"
            q, k, v = (self.layer(f"{at}.{p}", getattr(block, p), x, name) for p in "qkv")
            attended = self.attention(f"{at}.attention", q, k, v)
            x = self.layer(f"{at}.proj", block.proj, attended, f"{at}.attention")
            hidden = self.layer(f"{at}.mlp1", block.mlp1, x, f"{at}.proj")
            x, name = self.layer(f"{at}.mlp2", block.mlp2, hidden, f"{at}.mlp1"), f"{at}.mlp2"

    def layer(self, name: str, layer: SpikeLayer | ResidualLayer, most, before: str) -> np.ndarray:
        """Which of the layer's neurons can fire (O,), 0 or 1."""
        least, largest = bounds(layer, most)
        theta2, first = np.asarray(self.network.config.residual_theta2), 0
        if isinstance(layer, SpikeLayer):
            theta2 = layer.theta2
            charge = self.network.encoder_charge if name == "encoder" else 0
            first = (charge >> 1) + (charge >> 2)
        else:
            self.low = self.low + (least << layer.shift)
            self.high = self.high + (largest << layer.shift)
            least, largest = self.low, self.high
            if name == self.last_stream and not self.network.config.head_fires:
                return np.ones(len(largest), np.int64)  # nothing fires there
        silent = isinstance(layer, SpikeLayer) and before != "the input" and not np.any(most)
        return self.judge(name, least, largest, theta2, first, before if silent else "")

    @property
    def last_stream(self) -> str:
        """The layer whose residual stream the head sees."""
        blocks = len(self.network.blocks)
        return f"blocks.{blocks - 1}.mlp2" if blocks else self.network.stages[-1][0]

    def attention(self, name: str, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        config = self.network.config
        heads = (config.heads, config.head_dim)
        pairs = (q * k).reshape(heads).sum(1, keepdims=True)  # channels of Q and K of a head
        counts = (pairs * v.reshape(heads) * config.tokens).reshape(-1)
        at = name.removesuffix("attention")
        dead = [f"{at}{p}" for p, x in zip("qkv", (q, k, v), strict=True) if not x.any()]
        theta2 = np.asarray(ATTENTION_THETA2)
        return self.judge(name, np.zeros_like(counts), counts, theta2, 0, " and ".join(dead))

    def judge(self, name, least, largest, theta2, first: int, silent: str) -> np.ndarray:
        potential = largest + first
        for _ in range(self.network.config.timesteps - 1):
            potential = np.maximum(potential, largest + (potential >> 1))
        can = potential >= theta2
        theta2 = np.broadcast_to(theta2, can.shape)
        if silent and not can.any():
            self.found.append(
                Stuck(name, "never", f"its input comes from {silent}, which is silent")
            )
        elif not can.any():
            near = int((potential - theta2).argmax())
            why = f"no potential exceeds {potential[near]}, where the threshold is {theta2[near]}"
            self.found.append(Stuck(name, "never", why))
        elif (least >= theta2).all():
            near = int((least - theta2).argmin())
            why = f"no current is below {least[near]}, where the threshold is {theta2[near]}"
            self.found.append(Stuck(name, "always", why))
        return can.astype(np.int64)
