# SPDX-License-Identifier: Apache-2.0
"""Files of the authors' repositories become networks that fire the same spikes."""

import math

import numpy as np
import pytest
import torch

from golden.contract.model import forward
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.lab.authors.import_checkpoint import import_checkpoint
from golden.lab.networks.lif_neuron import LIF
from golden.lab.quantise.convert import convert
from golden.lab.quantise.export import export
from golden.lab.quantise.twin import TorchTwin
from golden.lab.train.checkpoint import load_dense
from golden.tests.authors import resnets, transformers
from golden.tests.authors.parts import recorded, wake

COMMON = {"depth": 2, "dim": 32, "classes": 7}
IMAGE, FRAMES = (2, 3, 32, 32), (5, 2, 2, 32, 32)
CIFAR10 = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FORMS = {  # name: their network, a shape of inputs, what the user must state, what must be found
    "spikingformer cifar": (
        lambda: transformers.Spikingformer(
            "cifar", heads=4, inputs=3, timesteps=4, tau=2.0, **COMMON),
        IMAGE, {"heads": 4}, {"layout": "cifar", "tau": 2.0, "pooled_stages": (3, 4)}),
    "spikingformer imagenet": (
        lambda: transformers.Spikingformer(
            "imagenet", heads=2, inputs=3, timesteps=4, tau=2.0, ratio=2, **COMMON),
        (2, 3, 64, 48), {"heads": 2, "height": 64, "width": 48},
        {"layout": "imagenet", "tau": 2.0, "pooled_stages": (1, 2, 3, 4), "mlp_ratio": 2}),
    "spikingformer dvs": (
        lambda: transformers.Spikingformer(
            "dvs", heads=2, inputs=2, timesteps=5, tau=1.5, **COMMON),
        FRAMES, {"heads": 2, "timesteps": 5},
        {"layout": "dvs", "tau": 1.5, "in_channels": 2, "input_timesteps": 5}),
    "spikformer cifar": (
        lambda: transformers.Spikformer("cifar", heads=4, inputs=3, timesteps=4, **COMMON),
        IMAGE, {"heads": 4}, {"layout": "cifar"}),
    "spikformer imagenet": (
        lambda: transformers.Spikformer("imagenet", heads=4, inputs=3, timesteps=4, **COMMON),
        (2, 3, 64, 64), {"heads": 4, "height": 64, "width": 64}, {"layout": "imagenet"}),
    "spikformer dvs": (
        lambda: transformers.Spikformer("dvs", heads=4, inputs=2, timesteps=5, tokens=4, **COMMON),
        FRAMES, {"heads": 4, "timesteps": 5}, {"layout": "dvs", "height": 32, "width": 32}),
    "sdt cifar": (
        lambda: transformers.SpikeDrivenTransformer(
            "0011", False, heads=4, inputs=3, timesteps=4, **COMMON | {"classes": 10}),
        IMAGE, {}, {"layout": "cifar", "heads": 4, "pooled_stages": (3, 4)}),
    "sdt dvs": (
        lambda: transformers.SpikeDrivenTransformer(
            "0111", True, heads=4, inputs=2, timesteps=5, **COMMON),
        FRAMES, {"layout": "dvs", "pooled_stages": (2, 3, 4), "height": 32, "width": 32,
                 "timesteps": 5}, {"heads": 4, "head": "avgpool_sn_fc"}),
    "sew 18 add": (
        lambda: resnets.SEWResNet((2, 2, 2, 2), False, 8, 7, 4, "ADD"),
        IMAGE, {"connect": "add"}, {"depth": 18, "dim": 64, "tau": math.inf}),
    "sew 34 iand": (
        lambda: resnets.SEWResNet((3, 4, 6, 3), False, 4, 7, 4, "IAND", resnets.NewContainer),
        IMAGE, {"connect": "iand"}, {"depth": 34, "dim": 32}),
    "sew 50 and": (
        lambda: resnets.SEWResNet((3, 4, 6, 3), True, 4, 7, 4, "AND"),
        IMAGE, {"connect": "and"}, {"depth": 50, "dim": 32}),
    "ms 18": (
        lambda: resnets.MSResNet((2, 2, 2, 2), False, 8, 7, 6),
        (2, 3, 64, 64), {}, {"depth": 18, "dim": 64, "timesteps": 6}),
    "ms 104": (
        lambda: resnets.MSResNet((3, 8, 32, 8), True, 4, 7, 6),
        (2, 3, 32, 32), {"height": 32, "width": 32}, {"depth": 104, "dim": 32}),
}  # fmt: skip


def ours(path, inputs):
    """Logits and spikes of an imported network, in float64."""
    model = load_dense(path).double().eval()
    for module in model.modules():
        if isinstance(module, LIF):
            module.channel = -1
    return model, *recorded(model, inputs)


@pytest.mark.parametrize("name", FORMS)
def test_fires_the_same_spikes(name, tmp_path):
    make, shape, stated, expected = FORMS[name]
    torch.manual_seed(len(name))
    pixels = torch.rand(shape, dtype=torch.float64)
    if shape == FRAMES:
        inputs = pixels.mul(6).floor()  # counts of events
        pixels = inputs / 255
    else:  # as their transforms normalise
        both = (torch.tensor(v).view(-1, 1, 1) for v in (CIFAR10 if "cifar" in name else IMAGENET))
        mean, std = both
        inputs = (pixels - mean) / std
    theirs = wake(make(), inputs, seed=len(name))
    for module in theirs.modules():  # a float32 holds these times 255
        if shape == FRAMES and isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data.mul(4096).round().div(4096)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    out = tmp_path / "ours.safetensors"
    import_checkpoint(tmp_path / "theirs.pth", out, stated, "psf import")
    model, logits, spikes = ours(out, pixels)
    for field, value in expected.items():
        assert getattr(model.config, field) == value, field
    reference, fired = recorded(theirs, inputs)
    assert len(spikes) == len(fired) > 10
    for place, (own, other) in enumerate(zip(spikes, fired, strict=True)):
        assert other.mean() > 0, f"neuron {place} never fires"
        torch.testing.assert_close(own, other, rtol=0, atol=0, msg=f"neuron {place}")
    outputs, ones = (sum(int(f(s)) for s in fired) for f in (torch.numel, torch.sum))
    print(f"{name}: {len(fired)} neurons, {outputs} outputs, {ones} spikes, none differs")
    torch.testing.assert_close(logits, reference, rtol=1e-9, atol=1e-12)
    assert sum(0.01 < other.mean() < 0.99 for other in fired) > 0.9 * len(fired)
    assert logits.std(0).min() > 0


@pytest.mark.parametrize("form", ["cifar", "imagenet", "dvs"])
def test_runs_as_integers_on_the_hardware(form, tmp_path):
    """Normalised images or counts of events, and the authors' head: integer model, torch twin,
    emulated program. The networks on events have tau = 1.5 and run with another."""
    make, shape, stated, _ = FORMS[f"spikingformer {form}"]
    if form == "dvs":  # a smaller one: the emulator takes its time
        shape, stated = (3, 4, 2, 16, 16), {"heads": 2, "timesteps": 3, "height": 16, "width": 16}
    theirs = wake(make(), torch.rand(shape, dtype=torch.float64) * 9, seed=2)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    out = tmp_path / "ours.safetensors"
    import_checkpoint(tmp_path / "theirs.pth", out, stated | {"tau": 2.0}, "psf import")
    network = export(convert(load_dense(out), 4), 4, {})
    largest, generator = (9 if form == "dvs" else 256), np.random.default_rng(2)
    images = generator.integers(0, largest, (1, *network.config.input_shape), np.uint8)
    expected = forward(network, images).logits[0]
    twin = TorchTwin(network, torch.float64)(torch.from_numpy(images))[0]
    np.testing.assert_array_equal(twin.numpy(), expected)
    program = compile_network(network, Hardware.named("4x16,spike_lines=16384"))
    image = program.pack_image(images[0])
    answer = Emulator(program.hardware).run(program.program, program.weights, image)
    np.testing.assert_array_equal(answer.logits, expected)
    assert expected.std() > 0
