# SPDX-License-Identifier: Apache-2.0
"""`psf nir export`: a float Spikingformer -> a NIR graph of what NIR can carry.

That is the tokenizer, and in a network without blocks the head, too. Attention is not: NIR has no
product of two signals.
"""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import nir
import numpy as np
import torch

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.lab.interchange import DT, HALF, KERNEL, PADDING, STRIDE, checked
from golden.lab.networks import backbones
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.train.checkpoint import load_dense

METADATA = ("timesteps", "input_timesteps", "input_bits", "head")
NOTE = (
    "The input is pixel / 255, (x - mean) / std of it where mean and std are given, the same at "
    "every timestep unless input_timesteps says frames; event counts are / (2^input_bits - 1). "
    "Neurons: one step of Euler's method per dt, v_reset 0, a spike at v >= v_threshold. SumPool2d "
    "and Threshold are a MaxPool of spikes. Logits are the mean over the timesteps."
)


def export(checkpoint: Path, out: Path, dt: float = DT) -> list[str]:
    """Write the graph of a float checkpoint; returns a sentence for everything that is left out."""
    graph, left_out = graph_of(load_dense(checkpoint), str(checkpoint), dt)
    with replacing(out) as temporary:
        nir.write(temporary, graph)
    return left_out


def graph_of(model: Spikingformer, name: str, dt: float = DT) -> tuple[nir.NIRGraph, list[str]]:
    """The graph of a network that messages call `name`, and what it leaves out."""
    config = model.config
    if config.backbone != "spikingformer":
        raise UserError(f"{name} is a {config.backbone}; a NIR graph is made of a spikingformer")
    if config.encoder != "direct":
        raise UserError(f"{name}: the node encoder ({config.encoder}) has no counterpart in NIR")
    model = copy.deepcopy(model)
    backbones.fuse(model)
    nodes = _tokenizer(model, checked(dt))
    left_out = []
    if config.depth == 0:
        nodes |= _head(model, dt)
    else:
        for block in range(config.depth):
            left_out.append(
                f"blocks.{block} is left out: NIR has no product of two signals for its attention"
            )
        left_out.append("head is left out: it follows the blocks")
    order = ["input", *nodes, "output"]
    nodes = {
        "input": nir.Input({"input": np.array((config.in_channels, config.height, config.width))})
    } | nodes
    nodes["output"] = nir.Output({"output": None})
    metadata = {key: getattr(config, key) for key in METADATA}
    metadata |= {key: np.array(getattr(config, key)) for key in ("mean", "std") if config.mean}
    metadata |= {"dt": dt, "note": NOTE, "made_by": "PruneSpikformer"}
    edges = list(itertools.pairwise(order))
    return nir.NIRGraph(nodes, edges, metadata=metadata), left_out


def _tokenizer(model: Spikingformer, dt: float) -> dict[str, nir.NIRNode]:
    config, nodes = model.config, {}
    plane = config.height, config.width
    for index, stage in enumerate(model.tokenizer.stages):
        name = f"tokenizer.{index}"
        if index in config.pooled_stages:
            plane = (plane[0] + 1) // 2, (plane[1] + 1) // 2
            pool = (np.array([size, size]) for size in (KERNEL, STRIDE, PADDING))
            shape = (config.channels[index], *plane)
            nodes[f"{name}.sum"] = nir.SumPool2d(*pool)
            nodes[f"{name}.or"] = nir.Threshold(np.full(shape, HALF, np.float32))
        weight, bias = (_array(tensor) for tensor in (stage.weight, stage.bias))
        nodes[name] = nir.Conv2d(plane, weight, 1, 1, 1, 1, bias)
        if index < len(model.tokenizer.lifs):
            nodes[f"{name}.lif"] = _neuron((config.channels[index + 1], *plane), config.tau, dt)
    return nodes


def _head(model: Spikingformer, dt: float) -> dict[str, nir.NIRNode]:
    config = model.config
    plane = np.array(config.grid)
    mean = {
        "head.mean": nir.AvgPool2d(plane, plane, np.zeros(2, int)),
        "head.flatten": nir.Flatten({"input": np.array((config.dim, 1, 1))}, 0),
    }
    before = config.head.startswith("sn_")
    shape = (config.dim, *config.grid) if before else (config.dim,)
    lif = {"head.lif": _neuron(shape, config.tau, dt)} if "sn" in config.head.split("_") else {}
    linear = {"head": nir.Affine(_array(model.head.weight), _array(model.head.bias))}
    return (lif | mean if before else mean | lif) | linear


def _neuron(shape: tuple[int, ...], tau: float, dt: float) -> nir.NIRNode:
    """A LIF of every element of `shape`, or an IF where tau is infinite."""
    ones, zeros = np.ones(shape), np.zeros(shape)
    if np.isinf(tau):
        return nir.IF(ones / dt, ones, zeros)
    return nir.LIF(ones * (tau * dt), ones, zeros, ones, zeros)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()
