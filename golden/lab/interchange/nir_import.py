# SPDX-License-Identifier: Apache-2.0
"""`psf nir import`: a NIR graph -> a float Spikingformer that computes the same.

The graph must be a chain: five stages [SumPool2d, Threshold,] Conv2d 3x3 with a LIF between them,
then [LIF,] AvgPool2d, Flatten, [LIF,] Affine: a network without blocks. A graph that ends behind
the fifth convolution is a tokenizer; the blocks and the head are those of another checkpoint.

Thresholds and resistances go into the weights, R x / theta: exact where they are powers of two.
Everything that does not fit is refused by the name of the node.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import torch

from golden.contract.errors import UserError
from golden.contract.unpacking import check, first_line
from golden.lab.interchange import DT, HALF, KERNEL, PADDING, STRIDE, checked
from golden.lab.networks import backbones
from golden.lab.networks.backbones.backbone import Network
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.checkpoint import load_dense, save_dense, trained_on

STAGES = 5
NEURONS = (nir.LIF, nir.IF)


@dataclasses.dataclass
class Stage:
    """A convolution (name, node), whether a pool stands in front, and the neuron behind it."""

    name: str
    conv: nir.Conv2d
    pooled: bool = False
    gain: np.ndarray | float = 1.0


class Chain:
    """The nodes of a graph in their order; the reader takes them one after the other."""

    def __init__(self, graph: nir.NIRGraph, path: Path) -> None:
        self.path, self.taus = path, {}
        follow: dict[str, str] = {}
        before: dict[str, str] = {}
        for source, target in graph.edges:
            for known, key, what in ((follow, source, "leave"), (before, target, "enter")):
                if key in known:
                    self.refuse(key, f"several edges {what} it, but the graph must be a chain")
            follow[source], before[target] = target, source
        heads = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
        if len(heads) != 1:
            raise UserError(f"{path} has {len(heads)} Input nodes, it must have one")
        self.nodes, name = [], heads[0]
        self.shape = tuple(int(n) for n in graph.nodes[name].input_type["input"])
        while name in follow and len(self.nodes) <= len(graph.nodes):
            name = follow[name]
            self.nodes.append((name, graph.nodes[name]))
        if not self.nodes or not isinstance(self.nodes[-1][1], nir.Output):
            raise UserError(f"{path} has no way from its Input to an Output node")
        lost = set(graph.nodes) - {heads[0]} - {name for name, _ in self.nodes}
        if lost:
            self.refuse(min(lost), "no edge joins it to the Input")
        self.nodes.pop()

    def refuse(self, name: str, why: str) -> None:
        """UserError that names a node."""
        raise UserError(f"{self.path}: node {name}: {why}")

    def next(self, *kinds: type) -> tuple[str, Any] | None:
        """The next node if it is of one of these kinds."""
        if self.nodes and isinstance(self.nodes[0][1], kinds):
            return self.nodes.pop(0)
        return None

    def expect(self, kind: type, place: str) -> tuple[str, Any]:
        """The next node, which must be of this kind."""
        found = self.next(kind)
        if found is None:
            if not self.nodes:
                raise UserError(f"{self.path} ends where {place} must stand, a {kind.__name__}")
            name, node = self.nodes[0]
            self.refuse(
                name, f"it is a {type(node).__name__}, where {place} must stand, a {kind.__name__}"
            )
        return found


def read(path: Path) -> nir.NIRGraph:
    """The graph of a file."""
    if not path.is_file():
        raise UserError(f"NIR graph {path} does not exist or is no file")
    try:
        _check_size(path)
        return nir.read(path)
    except Exception as error:  # h5py and nir stumble over a damaged file in many ways
        raise UserError(f"{path} is no NIR graph ({first_line(error)})") from None


def _check_size(path: Path) -> None:
    """TooLarge for arrays that the file promises, ValueError for links into other files."""
    promised = 0
    with h5py.File(path) as file:
        groups: list[h5py.Group] = [file]
        while groups:
            group = groups.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"{name} is a link")
                entry = group[name]
                if isinstance(entry, h5py.Group):
                    groups.append(entry)
                    promised += 1 << 10
                else:
                    promised += entry.size * entry.dtype.itemsize if entry.size else 0
                check(path, promised)


def import_graph(
    path: Path, out: Path, given: Mapping[str, Any], command: str, rest: Path | None = None
) -> list[str]:
    """Write the float checkpoint `out`; returns notes.

    given: 'timesteps' and 'dt' where the graph does not say them. rest: a float checkpoint whose
    blocks and head follow a graph that is a tokenizer.
    """
    model, notes = network_of(read(path), path, given, rest)
    facts = {"command": command, "source": {"file": path.name}, "notes": notes}
    save_dense(out, model, facts, data=None if rest is None else trained_on(rest))
    return notes


@torch.no_grad()
def network_of(
    graph: nir.NIRGraph, path: Path, given: Mapping[str, Any], rest: Path | None = None
) -> tuple[Network, list[str]]:
    """The network of a graph that was read from `path`."""
    told = {**_told(graph.metadata, path), **given}
    chain, dt = Chain(graph, path), checked(told.get("dt", DT))
    stages = [_stage(chain, index, dt) for index in range(STAGES)]
    head = _head(chain, stages[-1], dt) if chain.nodes else None
    if chain.nodes:
        chain.refuse(chain.nodes[0][0], "it stands behind the head")
    sizes = _sizes(chain, stages, head, told, path)
    if head is None:
        model = _rest(rest, sizes, path)
    elif rest is not None:
        raise UserError(f"{path} has a head, so that nothing can follow from {rest}")
    else:
        model = backbones.build(NetworkConfig(depth=0, fused=True, **sizes))
        model.head.weight.copy_(torch.from_numpy(np.asarray(head[1].weight)))
        bias = getattr(head[1], "bias", None)
        model.head.bias.copy_(torch.zeros(len(model.head.bias)) if bias is None else _tensor(bias))
    for own, stage in zip(model.tokenizer.stages, stages, strict=True):
        weight, bias = np.asarray(stage.conv.weight), np.asarray(stage.conv.bias)
        gain = np.broadcast_to(np.asarray(stage.gain, np.float64), bias.shape)
        if tuple(weight.shape) != tuple(own.weight.shape):
            chain.refuse(
                stage.name, f"its weight is {weight.shape}, expected {tuple(own.weight.shape)}"
            )
        own.weight.copy_(_tensor(weight * gain[:, None, None, None]))
        own.bias.copy_(_tensor(bias * gain))
    notes = [f"dt is {dt:g}, so that tau is {sizes['tau']:g} timesteps"]
    if any(np.any(np.asarray(stage.gain) != 1) for stage in stages):
        notes.append("resistances and thresholds other than 1 went into the weights")
    return model.eval(), notes


def _told(metadata: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Fields of the network that an exported graph carries."""
    names = {"timesteps": int, "input_timesteps": int, "input_bits": int, "dt": float}
    names |= {name: _numbers for name in ("mean", "std")}
    found = {}
    for name, kind in names.items():
        if name in metadata:
            try:
                found[name] = kind(metadata[name])
            except (TypeError, ValueError):
                raise UserError(
                    f"{path} has the metadata {name} = {metadata[name]!r}, not a number"
                ) from None
    return found


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(np.asarray(values, float).ravel().tolist())


def _sizes(
    chain: Chain, stages: list[Stage], head: tuple[str, nir.Affine] | None,
    told: Mapping[str, Any], path: Path,
) -> dict[str, Any]:  # fmt: skip
    """Fields of NetworkConfig."""
    if "timesteps" not in told:
        raise UserError(f"{path} does not say how many timesteps there are, give --timesteps")
    if len(chain.shape) != 3:
        raise UserError(
            f"{path}: the Input has shape {chain.shape}, it must be channels, height, width"
        )
    taus = set(chain.taus.values())
    if len(taus) > 1:
        first = next(iter(chain.taus.values()))
        name = next(name for name, tau in chain.taus.items() if tau != first)
        chain.refuse(name, f"its tau / dt is {chain.taus[name]:g}, that of others {first:g}")
    dim = len(stages[-1].conv.weight)
    sizes = {
        "dim": dim, "in_channels": chain.shape[0],
        "height": chain.shape[1], "width": chain.shape[2], "tau": taus.pop(),
        "pooled_stages": tuple(i for i, stage in enumerate(stages) if stage.pooled),
    }  # fmt: skip
    names = ("timesteps", "input_timesteps", "input_bits", "mean", "std")
    sizes |= {name: told[name] for name in names if name in told}
    if head is not None:
        kind, affine = head
        sizes |= {"head": kind, "heads": 1, "classes": len(affine.weight)}
    return sizes


def _rest(path: Path | None, sizes: dict[str, Any], graph: Path) -> Network:
    """The network of a checkpoint whose tokenizer is to be replaced, fused."""
    if path is None:
        raise UserError(
            f"{graph} ends behind its fifth convolution, a tokenizer without a head; give --rest, "
            "a float checkpoint whose blocks and head follow"
        )
    model = load_dense(path)
    for name, value in sizes.items():
        if getattr(model.config, name) != value:
            raise UserError(
                f"{path} has {name} {getattr(model.config, name)}, the graph {graph} {value}; give "
                "a checkpoint of the same sizes"
            )
    backbones.fuse(model)
    model.config = dataclasses.replace(model.config, fused=True)
    return model


def _stage(chain: Chain, index: int, dt: float) -> Stage:
    """One of the five, with the neuron behind all but the last."""
    pool = chain.next(nir.SumPool2d) if index else None
    if pool is not None:
        for field, size in (("kernel_size", KERNEL), ("stride", STRIDE), ("padding", PADDING)):
            if set(np.ravel(getattr(pool[1], field)).tolist()) != {size}:
                chain.refuse(
                    pool[0], f"its {field} is {getattr(pool[1], field)}, a pool here has {size}"
                )
        name, threshold = chain.expect(nir.Threshold, f"the OR behind {pool[0]}")
        if not np.all((threshold.threshold > 0) & (threshold.threshold < 1)):
            chain.refuse(
                name, f"it must lie between 0 and 1, as {HALF} does, to be an OR of spikes"
            )
    name, conv = chain.expect(nir.Conv2d, f"convolution {index + 1} of {STAGES}")
    if np.ndim(conv.weight) != 4 or np.shape(conv.bias) != (len(conv.weight),):
        chain.refuse(
            name, f"its weight is {np.shape(conv.weight)} and its bias {np.shape(conv.bias)}"
        )
    if not (np.isfinite(conv.weight).all() and np.isfinite(conv.bias).all()):
        chain.refuse(name, "it holds numbers that are not finite")
    pads = conv.padding if isinstance(conv.padding, str) else set(np.ravel(conv.padding).tolist())
    found = {
        "kernel": tuple(conv.weight.shape[2:]) == (KERNEL, KERNEL),
        "stride": set(np.ravel(conv.stride).tolist()) == {1},
        "padding": pads in ("same", {PADDING}),
        "dilation": set(np.ravel(conv.dilation).tolist()) == {1},
        "groups": int(np.asarray(conv.groups)) == 1,
    }
    for field, fits in found.items():
        if not fits:
            chain.refuse(name, f"its {field} is not that of a 3x3 convolution, stride 1, padding 1")
    stage = Stage(name, conv, pool is not None)
    if index < STAGES - 1:
        neuron = chain.next(*NEURONS)
        if neuron is None:
            chain.expect(nir.LIF, f"the neuron behind {name}")
        stage.gain = _gain(chain, *neuron, dt)
    return stage


def _head(chain: Chain, last: Stage, dt: float) -> tuple[str, nir.Affine]:
    """The kind of head and its linear layer; the gain of its neuron goes to the last stage."""
    before = chain.next(*NEURONS)
    name, mean = chain.expect(nir.AvgPool2d, "the mean over tokens")
    side = tuple(int(n) for n in np.ravel(mean.input_type["input"])[1:])
    if side != tuple(np.ravel(mean.kernel_size).tolist()) or np.any(np.ravel(mean.padding)):
        chain.refuse(name, f"it must average over all {side[0]} x {side[1]} tokens")
    chain.next(nir.Flatten)
    after = chain.next(*NEURONS)
    if before and after:
        chain.refuse(after[0], f"a neuron stands before the mean, too ({before[0]})")
    if before or after:
        last.gain = _gain(chain, *(before or after), dt)
    linear = chain.next(nir.Affine, nir.Linear) or chain.expect(nir.Affine, "the linear layer")
    if np.shape(linear[1].weight)[1:] != np.shape(last.conv.bias):
        chain.refuse(
            linear[0], f"its weight is {np.shape(linear[1].weight)}, not a column for each channel"
        )
    kind = "sn_fc_avgpool" if before else "avgpool_sn_fc" if after else "avgpool_fc"
    return kind, linear[1]


def _gain(chain: Chain, name: str, node: nir.LIF | nir.IF, dt: float) -> np.ndarray:
    """R / theta per channel: what its input is multiplied with, for a threshold of 1."""
    for field in ("v_leak", "v_reset"):
        if np.any(np.asarray(getattr(node, field, 0.0))):
            chain.refuse(name, f"its {field} is not 0")
    leaky = isinstance(node, nir.LIF)
    resistance = _per_channel(chain, name, node.r, "r") * (1.0 if leaky else dt)
    theta = _per_channel(chain, name, node.v_threshold, "v_threshold")
    if not np.all(theta > 0):
        chain.refuse(name, "its v_threshold is not positive")
    tau = math.inf
    if leaky:
        different = np.unique(np.asarray(node.tau, float))
        if len(different) > 1:
            chain.refuse(name, "its neurons have different tau")
        tau = float(f"{different[0] / dt:.9g}")
        if tau < 1:
            chain.refuse(name, f"its tau / dt is {tau:g}, less than a timestep; give --dt")
    chain.taus[name] = tau
    gain = resistance / theta
    near = np.round(gain, 9)
    return np.where(np.isclose(gain, near, rtol=1e-12), near, gain)


def _per_channel(chain: Chain, name: str, values: np.ndarray, field: str) -> np.ndarray:
    """A value for each channel, of an array (C, ...) in which those of a channel are the same."""
    values = np.asarray(values, float)
    flat = values.reshape(values.shape[0] if values.ndim else 1, -1)
    if np.any(flat != flat[:, :1]):
        chain.refuse(name, f"its {field} differs within a channel")
    return flat[:, 0]


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).float()
