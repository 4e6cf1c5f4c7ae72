# SPDX-License-Identifier: Apache-2.0
"""NIR graphs: an executor of the standard's equations fires what the network fires, there and
back; what does not fit is refused by the node's name."""

import dataclasses
import itertools
import math

import nir
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional as functional_sj
from spikingjelly.activation_based import layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from torch.nn import functional

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.lab.interchange.nir_export import export, graph_of
from golden.lab.interchange.nir_import import import_graph, network_of, read
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.convert import convert
from golden.lab.quantise.export import export as to_integers
from golden.lab.quantise.twin import TorchTwin
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.tests.tiny_networks import all_spikes, awake, pixels

SIZES = {
    "depth": 0,
    "dim": 32,
    "heads": 1,
    "height": 9,
    "width": 12,
    "timesteps": 4,
    "in_channels": 3,
}
CONFIGS = {
    "default": NetworkConfig(**SIZES),
    "mean of the stream": NetworkConfig(**SIZES, head="avgpool_fc", pooled_stages=(1, 4)),
    "neuron behind the mean": NetworkConfig(**SIZES, head="avgpool_sn_fc", pooled_stages=()),
    "no leak": NetworkConfig(**SIZES, tau=math.inf),
    "normalised": NetworkConfig(
        **SIZES, mean=(0.5, 0.25, 0.125), std=(0.5, 0.25, 0.75), pooled_stages=(1, 2, 3, 4)
    ),
    "frames": NetworkConfig(**SIZES | {"in_channels": 2}, tau=1.5, input_timesteps=4, input_bits=1),
}
BLOCKS = dataclasses.replace(CONFIGS["default"], depth=2, heads=4)


def execute(graph, frames, dt=1e-4):
    """(mean output over the timesteps, spikes (T, B, ...) of every neuron) of a chain, by the
    equations of the standard, one step of Euler's method per dt; frames (T, B, C, H, W)."""
    follow, states, spikes, outputs = dict(graph.edges), {}, {}, []
    tensor = lambda array: torch.from_numpy(np.asarray(array)).double()  # noqa: E731
    for x in frames:
        name = follow["input"]
        while name != "output":
            node = graph.nodes[name]
            if isinstance(node, nir.Conv2d):
                x = functional.conv2d(x, tensor(node.weight), tensor(node.bias), 1, 1)
            elif isinstance(node, nir.SumPool2d):
                x = functional.avg_pool2d(x, 3, 2, 1, divisor_override=1)
            elif isinstance(node, nir.AvgPool2d):
                x = functional.avg_pool2d(x, tuple(node.kernel_size.tolist()))
            elif isinstance(node, nir.Threshold):
                x = (x > tensor(node.threshold)).double()
            elif isinstance(node, nir.Flatten):
                x = x.flatten(1)
            elif isinstance(node, nir.Affine):
                x = functional.linear(x, tensor(node.weight), tensor(node.bias))
            else:
                v = states.get(name, torch.zeros_like(x))
                change = tensor(node.r) * x
                if isinstance(node, nir.LIF):
                    change = (tensor(node.v_leak) - v + change) / tensor(node.tau)
                v = v + dt * change
                x = (v >= tensor(node.v_threshold)).double()
                states[name] = torch.where(x > 0, tensor(node.v_reset), v)
                spikes.setdefault(name, []).append(x)
            name = follow[name]
        outputs.append(x)
    return torch.stack(outputs).mean(0), {name: torch.stack(s) for name, s in spikes.items()}


def inputs(config, batch=3):
    """(what our network takes, what the graph takes)."""
    if config.input_timesteps > 1:
        frames = torch.stack([pixels(config, batch, seed) for seed in range(config.timesteps)])
        return (frames > 0.5).double(), (frames > 0.5).double()
    image = pixels(config, batch)
    seen = image
    if config.mean:
        seen = (image - torch.tensor(config.mean).view(-1, 1, 1)) / torch.tensor(config.std).view(
            -1, 1, 1
        )
    return image, seen.expand(config.timesteps, *seen.shape)


def same_spikes(own, graph_spikes):
    """Ours are (T, B, H, W, C) or (T, B, N, C) or (T, B, C), by module; theirs channels first."""
    assert len(own) == len(graph_spikes)
    for (name, ours), theirs in zip(own.items(), graph_spikes.values(), strict=True):
        theirs = theirs.movedim(2, -1).reshape(*ours.shape)
        assert 0.001 < ours.mean() < 0.999, f"{name} sleeps"
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_there_and_back(name, tmp_path):
    config = CONFIGS[name]
    model = awake(config, seed=len(name)).float()  # a graph has the numbers of a checkpoint
    save_dense(tmp_path / "a.safetensors", model, {})
    assert export(tmp_path / "a.safetensors", tmp_path / "a.nir") == []
    graph, (image, frames) = read(tmp_path / "a.nir"), inputs(config)
    logits, fired = execute(graph, frames)
    # Exactly the numbers of the graph, so exactly its spikes:
    import_graph(tmp_path / "a.nir", tmp_path / "b.safetensors", {}, "psf nir import")
    back = load_dense(tmp_path / "b.safetensors").double().eval()
    own, spikes = all_spikes(back, image)
    same_spikes(spikes, fired)
    torch.testing.assert_close(own, logits, rtol=1e-12, atol=1e-12)
    assert own.std(0).min() > 0
    expected = dataclasses.asdict(config) | {"fused": True}
    assert dataclasses.asdict(back.config) == expected
    again, _ = graph_of(back.float(), "b")
    for node, other in graph.nodes.items():
        for field in "weight", "bias", "tau", "r", "v_threshold":
            if hasattr(other, field):
                np.testing.assert_array_equal(
                    getattr(again.nodes[node], field), getattr(other, field)
                )
    # And those of the network with its BatchNorm:
    _, spikes = all_spikes(model.double(), image)
    same_spikes(spikes, fired)


@torch.no_grad()
def test_a_tokenizer_and_the_rest(tmp_path):
    model = awake(BLOCKS, seed=3).float()
    path, graph = tmp_path / "a.safetensors", tmp_path / "a.nir"
    save_dense(path, model, {}, data={"name": "cifar10"})
    left = export(path, graph)
    assert [sentence.split()[0] for sentence in left] == ["blocks.0", "blocks.1", "head"]
    with pytest.raises(UserError, match="a tokenizer without a head; give --rest"):
        import_graph(graph, tmp_path / "b.safetensors", {}, "")
    import_graph(graph, tmp_path / "b.safetensors", {}, "", rest=path)
    back = load_dense(tmp_path / "b.safetensors").double().eval()
    image, _ = inputs(BLOCKS)
    logits, spikes = all_spikes(back, image)
    expected, fired = all_spikes(model.double(), image)
    assert spikes.keys() == fired.keys()
    for name, own in spikes.items():
        assert torch.equal(own, fired[name]), name
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    other = tmp_path / "other.safetensors"
    save_dense(other, awake(dataclasses.replace(BLOCKS, pooled_stages=(4,))).float(), {})
    with pytest.raises(UserError, match=r"has pooled_stages \(4,\), the graph .* \(3, 4\)"):
        import_graph(graph, tmp_path / "c.safetensors", {}, "", rest=other)


@torch.no_grad()
def test_resistances_and_thresholds_go_into_the_weights(tmp_path):
    """As other frameworks write them: R = tau / dt where the input does not decay, one theta a
    channel; scaled by powers of two nothing is rounded."""
    model = awake(CONFIGS["default"], seed=3).float()
    graph, _ = graph_of(model, "a", dt=1.0)
    node = graph.nodes["tokenizer.1.lif"]
    theta = np.where(np.arange(8) % 2, 4.0, 0.5)[:, None, None] * np.ones(node.r.shape)
    graph.nodes["tokenizer.1.lif"] = nir.LIF(
        node.tau, node.r * 2.0, node.v_leak, theta, node.v_reset
    )
    imported, notes = network_of(graph, tmp_path, {})
    assert "resistances and thresholds other than 1" in notes[-1]
    image, frames = inputs(CONFIGS["default"])
    logits, fired = execute(graph, frames, dt=1.0)
    own, spikes = all_spikes(imported.double(), image)
    same_spikes(spikes, fired)
    torch.testing.assert_close(own, logits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("head", ["sn_fc_avgpool", "avgpool_fc", "avgpool_sn_fc"])
@torch.no_grad()
def test_spikingjelly_reads_it(head, tmp_path):
    """Its own importer of NIR, which knows no pool of sums, gives the same logits."""
    config = dataclasses.replace(CONFIGS["default"], head=head, pooled_stages=())
    graph, _ = graph_of(awake(config, seed=3).float(), "a")
    nir.write(tmp_path / "a.nir", graph)
    net = import_from_nir(tmp_path / "a.nir", dt=1e-4, dtype=torch.float64).double().eval()
    image, frames = inputs(config)
    state, outputs = None, []
    for frame in frames:
        output, state = net(frame, state)
        outputs.append(output)
    expected, _ = execute(graph, frames)
    torch.testing.assert_close(torch.stack(outputs).mean(0), expected, rtol=1e-12, atol=1e-12)
    own, _ = all_spikes(network_of(graph, tmp_path, {})[0].double(), image)
    torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("decay", [True, False])
@torch.no_grad()
def test_spikingjelly_wrote_it(decay, tmp_path):
    """A network of spikingjelly, with and without a decay of the input, is imported as it is."""
    print("SEED=0")
    torch.manual_seed(0)
    widths, parts = (3, 4, 8, 16, 32, 32), []
    for pair in itertools.pairwise(widths):
        conv = layer.Conv2d(*pair, 3, padding=1)
        spread = (4.0 if decay else 2.0) / (9 * pair[0]) ** 0.5
        torch.nn.init.normal_(conv.weight, 0, spread)
        torch.nn.init.uniform_(conv.bias, 0, spread)
        parts += [conv, neuron.LIFNode(tau=2.0, decay_input=decay)]
    parts += [layer.AvgPool2d((9, 12)), layer.Flatten(), layer.Linear(32, 10)]
    net, image = torch.nn.Sequential(*parts), torch.rand(2, 3, 9, 12)
    image[1] = (image[1] > 0.8).float()
    export_to_nir(net, image, dt=1e-4, save_path=tmp_path / "a.nir")
    import_graph(tmp_path / "a.nir", tmp_path / "a.safetensors", {"timesteps": 4}, "")
    functional_sj.reset_net(net.double())
    expected = torch.stack([net(image.double()) for _ in range(4)]).mean(0)
    own = load_dense(tmp_path / "a.safetensors").double().eval()(image.double())
    torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)
    assert expected.std(0).min() > 1e-3


@torch.no_grad()
def test_an_imported_graph_becomes_integers(tmp_path):
    """Without BatchNorm and without blocks, as with them."""
    graph, _ = graph_of(awake(CONFIGS["default"], seed=3).float(), "a")
    model, _ = network_of(graph, tmp_path, {})
    network = to_integers(convert(model, 5), 5, {})
    images = pixels(CONFIGS["default"], 2).mul(255).round().to(torch.uint8)
    logits = TorchTwin(network, torch.float64)(images)
    for image, expected in zip(images, logits, strict=True):
        np.testing.assert_array_equal(
            forward(network, image.numpy()[None]).logits, expected[None].numpy()
        )


def replaced(name, **fields):
    """A change of a graph: some fields of a node."""

    def change(graph):
        node = graph.nodes[name]
        values = {field: getattr(node, field) for field in fields}
        for field, new in fields.items():
            setattr(node, field, new(values[field]) if callable(new) else new)

    return change


def inserted(name, node):
    """A change of a graph: a node between `name` and what follows it."""

    def change(graph):
        follower = dict(graph.edges)[name]
        graph.nodes["new"] = node
        graph.edges[:] = [edge for edge in graph.edges if edge[0] != name]
        graph.edges += [(name, "new"), ("new", follower)]

    return change


def removed(name):
    def change(graph):
        before = next(a for a, b in graph.edges if b == name)
        after = dict(graph.edges)[name]
        graph.edges[:] = [edge for edge in graph.edges if name not in edge]
        graph.edges.append((before, after))
        del graph.nodes[name]

    return change


PLANE = (32, 3, 3)
REFUSALS = {
    "delay": (inserted("tokenizer.1", nir.Delay(np.ones(8))), "node new: it is a Delay, where the"),
    "second edge": (
        lambda g: g.edges.append(("tokenizer.0", "head")), "node tokenizer.0: several edges leave"),
    "loop": (
        lambda g: g.edges.append(("tokenizer.2", "tokenizer.1.lif")), "several edges"),
    "island": (
        lambda g: g.nodes.update(alone=nir.Threshold(np.ones(3))), "node alone: no edge joins it"),
    "stride": (replaced("tokenizer.1", stride=(2, 2)), "node tokenizer.1: its stride is not that"),
    "padding": (replaced("tokenizer.1", padding="valid"), "node tokenizer.1: its padding"),
    "groups": (replaced("tokenizer.1", groups=2), "node tokenizer.1: its groups"),
    "kernel": (
        replaced("tokenizer.2", weight=lambda w: w[:, :, :1, :1]), "node tokenizer.2: its kernel"),
    "widths": (
        replaced("tokenizer.2", weight=lambda w: w[:, :4]), r"tokenizer.2: its weight is \(16, 4"),
    "no bias": (replaced("tokenizer.2", bias=np.zeros(3)), r"2: its weight is .*bias \(3"),
    "not finite": (
        replaced("tokenizer.2", bias=lambda b: b * np.nan), "tokenizer.2: it holds numbers that"),
    "columns": (replaced("head", weight=lambda w: w[:, :3]), r"node head: its weight is \(10, 3\)"),
    "metadata": (
        lambda g: g.metadata.update(timesteps="many"), "metadata timesteps = 'many', not a number"),
    "no neuron": (removed("tokenizer.0.lif"), "the neuron behind tokenizer.0 must stand, a LIF"),
    "no threshold": (removed("tokenizer.3.or"), "where the OR behind tokenizer.3.sum must stand"),
    "no OR": (
        replaced("tokenizer.3.or", threshold=lambda t: t * 4), "3.or: it must lie between"),
    "pool": (
        replaced("tokenizer.3.sum", kernel_size=np.array([2, 2])), "3.sum: its kernel_size"),
    "cuba": (
        lambda g: g.nodes.update({"tokenizer.0.lif": nir.CubaLIF(*(np.ones((4, 9, 12)),) * 6)}),
        "node tokenizer.0.lif: it is a CubaLIF, where the neuron"),
    "leak": (
        replaced("tokenizer.0.lif", v_leak=lambda v: v + 0.1), "0.lif: its v_leak is not 0"),
    "reset": (
        replaced("tokenizer.0.lif", v_reset=lambda v: v - 1), "0.lif: its v_reset is not 0"),
    "theta": (
        replaced("tokenizer.0.lif", v_threshold=lambda v: 0 * v), "v_threshold is not positive"),
    "theta of a place": (
        replaced("tokenizer.0.lif", v_threshold=lambda v: v + np.arange(12)),
        "tokenizer.0.lif: its v_threshold differs within a channel"),
    "tau": (
        replaced("tokenizer.2.lif", tau=lambda t: t * 2),
        "node tokenizer.2.lif: its tau / dt is 4, that of others 2"),
    "taus": (
        replaced("tokenizer.2.lif", tau=lambda t: t + np.arange(12)), "neurons have different tau"),
    "dt": (
        lambda g: [replaced(n, tau=lambda t: t / 4)(g) for n in g.nodes if n.endswith("lif")],
        "tau / dt is 0.5, less than a timestep; give --dt"),
    "mean": (
        replaced("head.mean", kernel_size=np.array([1, 3])), "head.mean: it must average over"),
    "more": (inserted("head", nir.Linear(np.ones((3, 10)))), "node new: it stands behind the head"),
    "timesteps": (lambda g: g.metadata.pop("timesteps"), "how many timesteps there are"),
    "short": (
        lambda g: (g.nodes.pop("tokenizer.0"), g.edges.__setitem__(
            slice(None), [("input", "output")])), "node .*: no edge joins it"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses_by_the_name_of_the_node(name, tmp_path):
    change, sentence = REFUSALS[name]
    graph, _ = graph_of(awake(CONFIGS["default"]).float(), "a")
    change(graph)
    with pytest.raises(UserError, match=sentence):
        network_of(graph, tmp_path / "x.nir", {})


def test_refuses_what_is_no_graph_and_no_spikingformer(tmp_path):
    with pytest.raises(UserError, match="does not exist or is no file"):
        read(tmp_path / "x.nir")
    (tmp_path / "x.nir").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is no NIR graph"):
        read(tmp_path / "x.nir")
    nir.write(tmp_path / "x.nir", nir.Linear(np.ones((2, 2))))
    with pytest.raises(UserError, match="is no NIR graph"):
        read(tmp_path / "x.nir")
    sizes = NetworkConfig(backbone="sdt", head="avgpool_sn_fc", dim=32)
    with pytest.raises(UserError, match="it is a sdt; a NIR graph is made of a spikingformer"):
        graph_of(awake(sizes), "it")
    with pytest.raises(UserError, match=r"the node encoder \(rate\) has no counterpart"):
        graph_of(awake(NetworkConfig(dim=32, encoder="rate")), "it")
    for dt in 0.0, -1.0, math.nan, math.inf:
        with pytest.raises(UserError, match=f"--dt is {dt}, it must be a positive number"):
            graph_of(awake(CONFIGS["default"]), "it", dt=dt)
