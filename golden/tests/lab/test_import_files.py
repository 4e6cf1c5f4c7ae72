# SPDX-License-Identifier: Apache-2.0
"""The importer: wrappings of files, sizes and their sources, and refusals by the tensor's name."""

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from golden.contract.errors import UserError
from golden.lab.authors import example
from golden.lab.authors.import_checkpoint import import_checkpoint, numbers, stages
from golden.lab.train.checkpoint import load_dense, trained_on
from golden.tests.authors import resnets
from golden.tests.authors.parts import recorded, wake

SIZES = example.spikingformer(1, 32, 4, timesteps=2, classes=5, size=8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("authors") / "model_best.pth.tar"
    example.write(path, SIZES)
    return path


@pytest.fixture
def weights(file):
    return torch.load(file, weights_only=False)["state_dict"]


def imported(path, tmp_path, averaged=False, family=None, name="ours", data="", **given):
    out = tmp_path / f"{name}.safetensors"
    import_checkpoint(path, out, given, "psf import", family, averaged, data)
    return out


def changed(tmp_path, weights, **settings):
    path = tmp_path / "changed.pth"
    torch.save({"state_dict": weights, "args": argparse.Namespace(**settings)}, path)
    return path


def refused(sentence, path, tmp_path, **given):
    with pytest.raises(UserError, match=sentence):
        imported(path, tmp_path, name="refused", **given)
    assert not list(tmp_path.glob("refused*"))


@pytest.mark.parametrize("size", [(2, 96, 12), (4, 384, 12)])
def test_sizes_of_the_published_networks(size, tmp_path):
    config = example.spikingformer(*size)
    example.write(tmp_path / "file.pth.tar", config)
    model = load_dense(imported(tmp_path / "file.pth.tar", tmp_path))
    assert model.config == config
    kernel = torch.load(tmp_path / "file.pth.tar", weights_only=False)["state_dict"]
    kernel = kernel["block.1.mlp.mlp2_conv.weight"]
    assert kernel.shape == (size[1], 4 * size[1], 1, 1)
    torch.testing.assert_close(model.blocks[1].mlp.mlp2.weight.data, kernel[:, :, 0, 0])


def test_every_wrapping_is_the_same_network(file, weights, tmp_path):
    expected = load_file(imported(file, tmp_path))
    heads = {"num_heads": np.int64(4), "time_step": 2, "img_size": 8}
    bare = {name: t for name, t in weights.items() if not name.endswith("num_batches_tracked")}
    parallel = {f"module.{name}": t for name, t in weights.items()}
    compiled = {f"module._orig_mod.{name}": t for name, t in weights.items()}
    profiled = weights | {"total_ops": torch.zeros(1), "block.0.attn.q_lif.v": torch.zeros(3)}
    contents = {
        "bare": bare,
        "parallel": {"model": parallel, "args": heads, "max_acc": np.float64(0.5)},
        "compiled": {"state_dict": compiled, "args": argparse.Namespace(**heads)},
        "profiled": {"net": profiled, "optimizer": {"state": {0: torch.ones(2)}}},
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.pth"
        torch.save(content, path)
        got = load_file(imported(path, tmp_path, heads=4, timesteps=2, height=8, width=8))
        assert got.keys() == expected.keys()
        for tensor, value in got.items():
            counter = tensor.endswith("num_batches_tracked")
            assert counter or torch.equal(value, expected[tensor]), (name, tensor)
    save_file({name: t.contiguous() for name, t in weights.items()}, tmp_path / "w.safetensors")
    got = load_file(imported(tmp_path / "w.safetensors", tmp_path, heads=4))
    assert torch.equal(got["head.weight"], expected["head.weight"])
    halves = {name: t.half() if t.is_floating_point() else t for name, t in weights.items()}
    got = load_file(imported(changed(tmp_path, halves, num_heads=4), tmp_path))
    assert torch.equal(got["head.weight"], expected["head.weight"].half().float())


def test_options_win_over_settings_and_those_over_defaults(file, weights, tmp_path):
    out = imported(file, tmp_path, timesteps=3)
    sizes = json.loads(out.with_suffix(".json").read_text())["sizes"]
    assert sizes["timesteps"] == [3, "option"]
    assert sizes["heads"] == [4, "settings in the file"]
    assert sizes["height"] == [8, "settings in the file"]
    assert sizes["classes"] == [5, "tensors"]
    own = changed(tmp_path, weights, num_heads=4, mean=[0.5, 0.25, 0.125], std=(1.0, 2.0, 3.0))
    assert load_dense(imported(own, tmp_path)).config.mean == (0.5, 0.25, 0.125)
    config = load_dense(imported(own, tmp_path, mean=(), std=())).config
    assert config.mean == config.std == ()
    bare = changed(tmp_path, weights)
    sizes = json.loads(imported(bare, tmp_path, heads=2).with_suffix(".json").read_text())["sizes"]
    assert sizes["height"] == [32, "the authors' default"] and sizes["heads"] == [2, "option"]
    assert sizes["mean"] == [[0.4914, 0.4822, 0.4465], "the authors' default"]


def test_the_data_set_is_recorded(weights, tmp_path):
    images = np.zeros((10, 8, 8, 3), np.uint8)
    both = {"x": images, "y": np.arange(10) % 5}
    parts = {f"{name}_{part}": both[name] for name in both for part in ("train", "test")}
    np.savez(tmp_path / "mine.npz", **parts)
    path, place = changed(tmp_path, weights, num_heads=4), str(tmp_path / "mine.npz")
    out = imported(path, tmp_path, data=place)
    assert trained_on(out)["name"].endswith("mine.npz") and len(trained_on(out)["classes"]) == 5
    sizes = json.loads(out.with_suffix(".json").read_text())["sizes"]
    assert sizes["height"] == sizes["width"] == [8, "data set"]
    refused("has classes 5, the data set cifar10 10", path, tmp_path, data="cifar10")
    refused("no_such_set", path, tmp_path, data="no_such_set")


def test_moving_average(weights, tmp_path, capsys):
    path = tmp_path / "both.pth"
    averaged = weights | {"head.bias": torch.full((5,), 7.0)}
    torch.save({"state_dict": weights, "state_dict_ema": averaged}, path)
    plain = load_file(imported(path, tmp_path, heads=4))
    assert "--ema takes that" in capsys.readouterr().out
    assert torch.equal(plain["head.bias"], weights["head.bias"])
    got = load_file(imported(path, tmp_path, averaged=True, heads=4))
    assert torch.equal(got["head.bias"], averaged["head.bias"])
    torch.save({"state_dict": weights}, path)
    refused("no weights under state_dict_ema", path, tmp_path, averaged=True)
    torch.save(weights, path)
    refused("holds weights alone, no moving average", path, tmp_path, averaged=True)


def test_a_bias_before_a_norm_goes_into_its_mean(file, weights, tmp_path, capsys):
    """And one that is not there is zero: the same network either way."""
    expected = load_dense(imported(file, tmp_path))
    image = torch.rand(2, 3, 8, 8)
    bias = torch.tensor([0.25, -0.5] * 16)
    mean = "block.0.attn.k_bn.running_mean"
    moved = weights | {"block.0.attn.k_conv.bias": bias, mean: weights[mean] + bias}
    proj = "block.0.attn.proj_conv.bias"
    mean = "block.0.attn.proj_bn.running_mean"
    moved[mean] = weights[mean] - moved.pop(proj)
    got = load_dense(
        imported(changed(tmp_path, moved, num_heads=4, time_step=2, img_size=8), tmp_path)
    )
    notes = capsys.readouterr().out
    assert "k_conv.bias went into the mean of block.0.attn.k_bn" in notes
    assert f"{proj} is not there and counts as zero" in notes
    torch.testing.assert_close(got(image), expected(image), rtol=1e-4, atol=1e-5)
    assert expected(image).std() > 0.01


def renamed(weights, old, new):
    return {new if name == old else name: tensor for name, tensor in weights.items()}


REFUSALS = {
    "missing": (
        lambda w: {n: t for n, t in w.items() if n != "block.0.attn.v_bn.running_var"},
        "has no tensor block.0.attn.v_bn.running_var, which a spikingformer"),
    "missing size": (
        lambda w: {n: t for n, t in w.items() if n != "head.weight"}, "has no tensor head.weight"),
    "unexpected": (
        lambda w: w | {"block.0.attn.gate.weight": torch.ones(3)},
        "block.0.attn.gate.weight is not part of the spikingformer of zhouchenlin2096"),
    "another stage": (
        lambda w: w | {"patch_embed.block5_conv.weight": torch.ones(3), "b": torch.ones(1)},
        "patch_embed.block5_conv.weight is not part of .* nor is 1 more"),
    "shape": (
        lambda w: w | {"block.0.attn.q_conv.weight": torch.ones(32, 16, 1)},
        r"q_conv.weight has shape \(32, 16, 1\), expected \(32, 32\)"),
    "widths": (
        lambda w: w | {"patch_embed.block1_bn.bias": torch.ones(24)},
        r"block1_bn.bias has shape \(24,\), expected \(8,\)"),
    "kernel": (
        lambda w: w | {"block.0.mlp.mlp1_conv.weight": torch.ones(128, 32, 3, 3)},
        r"mlp1_conv.weight has shape \(128, 32, 3, 3\), expected \(128, 32\)"),
    "hidden": (
        lambda w: w | {"block.0.mlp.mlp1_conv.weight": torch.ones(100, 32, 1, 1)},
        "mlp1_conv.weight has 100 outputs, no multiple of the 32"),
    "not finite": (
        lambda w: w | {"head.bias": torch.tensor([1.0, 2, 3, 4, float("nan")])},
        "head.bias holds numbers that are not finite"),
    "variance": (
        lambda w: w | {"block.0.attn.k_bn.running_var": torch.full((32,), -1.0)},
        "k_bn.running_var has a negative variance"),
    "no tensor": (lambda w: w | {"head.bias": 3}, "head.bias is no tensor of real numbers"),
    "nothing known": (
        lambda w: {"encoder.weight": torch.ones(3)}, "none of spikingformer, .*encoder.weight"),
    "two names": (
        lambda w: w | {"a.module.0.x": torch.ones(1), "a.0.x": torch.ones(1)},
        "a.module.0.x and a.0.x, which are one tensor"),
    "parametric": (
        lambda w: renamed(w, "block.0.norm1.bias", "block.0.attn.q_lif.w"),
        "block.0.attn.q_lif.w is the learned time constant of a neuron"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses_by_the_name_of_the_tensor(name, weights, tmp_path):
    change, sentence = REFUSALS[name]
    refused(sentence, changed(tmp_path, change(weights)), tmp_path, heads=4)


class Code:
    """What no file of weights needs."""


def test_refuses_what_is_no_file_of_weights(weights, tmp_path):
    path = tmp_path / "x.pth"
    refused("does not exist", path, tmp_path)
    refused("does not exist or is no file", tmp_path, tmp_path)
    path.write_bytes(b"")
    refused("x.pth (cannot be read|is no file that)", path, tmp_path)
    path.write_bytes(b"not weights at all" * 100)
    refused("x.pth (cannot be read|is no file that)", path, tmp_path)
    torch.save(weights, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused("x.pth (cannot be read|is no file that)", path, tmp_path)
    torch.save(Code(), path)
    refused("holds an object of .*Code, which is code and not weights", path, tmp_path)
    torch.save([1, 2], path)
    refused("holds a list, not weights by name", path, tmp_path)
    torch.save({"epoch": 3, "best": {"acc": 1.0}}, path)
    refused("no weights under state_dict or model .* its entries are epoch, best", path, tmp_path)
    bad = tmp_path / "x.safetensors"
    bad.write_bytes(b"123")
    refused("x.safetensors cannot be read", bad, tmp_path)


def test_damaged_files_are_refused_or_right(file, tmp_path):
    """Bytes of the pickled part and of the directory at the end are hit more often."""
    print("SEED=5")
    generator, content = np.random.default_rng(5), file.read_bytes()
    path, refusals = tmp_path / "damaged.pth.tar", 0
    for number in range(60):
        damaged = bytearray(content)
        place = int(generator.integers(min(len(content), 4000)))
        damaged[-place if number % 2 else place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            imported(path, tmp_path)
        except UserError:
            refusals += 1
    assert refusals > 20


def test_no_change_of_a_file_is_a_traceback(weights, tmp_path):
    """Random tensors cut, reshaped, emptied, renamed, taken out; random settings."""
    print("SEED=6")
    generator, refusals = np.random.default_rng(6), 0
    changes = [
        lambda t: t[:0], lambda t: t.flatten(), lambda t: t[..., None], lambda t: t[None],
        lambda t: t[: len(t) // 2], lambda t: t.to(torch.int64), lambda t: t.to(torch.complex64),
        lambda t: None, lambda t: t.sum(), lambda t: t * float("inf"),
    ]  # fmt: skip
    values = [0, -1, 3, 10**9, 1.5, "4", None, True, [], [1.0], ["a"], (0.5, 0.5, "x"), {"a": 1}]
    names = ["num_heads", "time_step", "img_size", "mean", "std"]
    for _ in range(120):
        held, settings = dict(weights), {"num_heads": 4}
        known = sorted(name for name, tensor in held.items() if tensor.dim())
        for name in generator.choice(known, generator.integers(3), replace=False):
            held[name] = changes[generator.integers(len(changes))](held[name])
            if held[name] is None:
                held.pop(name)
        for name in generator.choice(names, generator.integers(3), replace=False):
            settings[str(name)] = values[generator.integers(len(values))]
        try:
            imported(changed(tmp_path, held, **settings), tmp_path)
        except UserError:
            refusals += 1
    assert 60 < refusals < 120


def test_asks_for_what_no_tensor_tells(weights, tmp_path):
    path = changed(tmp_path, weights)
    refused("attention heads is not in the file, give --heads", path, tmp_path)
    refused("must be a multiple of network.heads = 5", path, tmp_path, heads=5)
    refused("--family resnet is unknown", path, tmp_path, family="resnet", heads=4)
    own = imported(path, tmp_path, heads=4)
    refused("is a network of this project already", own, tmp_path)
    refused("has no tensor fc.weight", path, tmp_path, family="ms_resnet")
    refused("mean has 2 values for images of 3", path, tmp_path, heads=4, mean=(1, 1), std=(1, 1))
    with pytest.raises(UserError, match="--mean 'x' must be a number for each channel"):
        numbers("mean", "x")
    assert numbers("std", "1, 2.5") == (1.0, 2.5) and numbers("std", "none") == ()
    with pytest.raises(UserError, match="--pooled-stages '3;4' must be numbers"):
        stages("3;4")
    assert stages("3, 4") == (3, 4) and stages("") == () and stages(None) is None


def test_sew_resnet_of_the_model_zoo(tmp_path):
    """spikingjelly's own SEW-ResNet has no containers, and another IAND in its bottlenecks."""
    image = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    theirs = wake(resnets.SEWResNet((3, 4, 6, 3), True, 4, 7, 4, "ADD"), image, 3)
    path = tmp_path / "zoo.pth"
    flat = {}
    for name, tensor in theirs.state_dict().items():
        for number in "123":
            name = name.replace(f"conv{number}.module.0", f"conv{number}")
            name = name.replace(f"conv{number}.module.1", f"bn{number}")
        flat[name.replace("downsample.0.module.", "downsample.")] = tensor
    torch.save(flat, path)
    refused("give --connect", path, tmp_path)
    refused("negates the other branch", path, tmp_path, connect="iand")
    out = imported(path, tmp_path, connect="add", mean=(), std=())
    model = load_dense(out).double().eval()
    torch.testing.assert_close(model(image), recorded(theirs, image)[0], rtol=1e-9, atol=1e-12)
    three = {name: t for name, t in flat.items() if not name.startswith("layer3.5.")}
    torch.save(three, path)
    refused("3-4-5-3 blocks in its stages; the authors have 3-4-6-3", path, tmp_path, connect="add")
