# SPDX-License-Identifier: Apache-2.0
"""psf spikezip train, check, curve, from end to end on a tiny data set; mistakes are
sentences."""

import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from golden.cli.main import app
from golden.contract.errors import UserError
from golden.contract.settings import load as load_config
from golden.lab.spikezip.check_checkpoint import check
from golden.lab.spikezip.curve import curve
from golden.lab.spikezip.quantised_transformer import freeze
from golden.lab.spikezip.quantiser import Quantiser, quantise_weight
from golden.lab.spikezip.spikezip_checkpoint import load
from golden.lab.spikezip.spikezip_config import SpikezipConfig, VitConfig
from golden.lab.spikezip.train import train
from golden.lab.train.evaluate import accuracy
from golden.lab.train.source import split_tensors

TOML = """
[network]
patch = 7
dim = 16
depth = 1
level = {level}
[qat]
float_epochs = 3
[train]
epochs = 16
batch_size = 16
learning_rate = 1e-2
precision = "float32"
monitor_images = 8
flip = false
shift = 0
"""


@pytest.mark.long
def test_train_check_curve(data, tmp_path, capsys):
    folder = tmp_path / "nets"
    for level in (4, 16):
        config = tmp_path / f"level{level}.toml"
        config.write_text(TOML.format(level=level))
        train(config, tmp_path / config.stem, folder / f"{config.stem}.safetensors", False, "me")
    path = folder / "level16.safetensors"
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["bits"] == 4 and facts["seed"] == 1 and facts["command"] == "me"
    assert facts["accuracy"] > 0.5  # chance is 0.1
    assert "epoch 16/16" in path.with_suffix(".log").read_text()

    ann = load(path)
    images, labels = split_tensors("test")
    assert accuracy(ann, images, labels) == facts["accuracy"]
    before = {name: tensor.clone() for name, tensor in ann.state_dict().items()}
    for name, tensor in freeze(ann).state_dict().items():
        assert torch.equal(tensor, before[name]), name
    steps = {quantiser.log_step.item() for quantiser in ann.quantisers()}
    assert len(steps) == len(ann.quantisers()), "step sizes were not learned one by one"

    assert check(path, 8)
    assert "level16: 0 of" in capsys.readouterr().out
    out = tmp_path / "reports/spikezip.json"
    curve(folder, out, 48, 40, "me")
    report = json.loads(out.read_text())
    assert list(report["curves"]) == ["level4", "level16"]
    for found in report["curves"].values():
        assert len(found["timesteps"]) == len(found["accuracy"]) == 40
        assert found["accuracy"][-1] == found["ann_accuracy"] == found["ann_accuracy_all"]
        assert found["agreement"][0] < 1 and found["agreement"][-1] == 1
    assert out.with_suffix(".png").stat().st_size > 1000


def test_step_size_learns_and_stays_a_power_of_two():
    torch.manual_seed(0)
    quantiser = Quantiser(8, sym=True).train()
    x = torch.randn(4000)
    quantiser(x)
    quantiser.log_step.data += 3  # far too coarse
    optimiser = torch.optim.SGD([quantiser.log_step], 0.5)
    errors = []
    for _ in range(60):
        loss = (quantiser(x) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
        assert torch.log2(quantiser.s).item().is_integer()
    assert errors[-1] < 0.2 * errors[0]


def test_gradient_passes_inside_and_stops_outside():
    quantiser = Quantiser(8, sym=False).train()
    quantiser.ready.fill_(True)
    x = torch.tensor([-1.0, 0.3, 2.4, 9.0], requires_grad=True)
    y = quantiser(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 2, 7] and x.grad.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_few_integers_on_a_power_of_two(bits):
    torch.manual_seed(bits)
    weight = torch.randn(50, 40) * 0.07
    got = quantise_weight(weight, bits)
    step = 2.0 ** torch.log2(got[got != 0].abs().min()).floor().item()
    levels = got / step
    assert torch.equal(levels, levels.round()) and torch.equal(quantise_weight(got, bits), got)
    assert len(got.unique()) <= 2**bits - 1 and (got - weight).abs().max() <= step / 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"level": 12}, "network.level is 12"),
        ({"heads": 3}, "not a multiple of network.heads"),
        ({"heads": 8}, "head width of 4, 16 or 64"),
        ({"patch": 5}, "not a multiple of network.patch"),
        ({"weight_bits": 9}, "network.weight_bits is 9"),
    ],
)
def test_wrong_sizes_are_sentences(wrong, words):
    with pytest.raises(UserError, match=words):
        VitConfig(**wrong)


def test_other_mistakes_are_sentences(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[qat]\nfloat_epochs = 20\n")
    with pytest.raises(UserError, match=r"qat\.float_epochs is 20"):
        load_config(path, SpikezipConfig)
    with pytest.raises(UserError, match="spikezip train"):
        load(tmp_path / "none.safetensors")
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="is not a checkpoint"):
        load(path)
    with pytest.raises(UserError, match="holds no checkpoint"):
        curve(tmp_path, tmp_path / "out.json", 1, 1, "")


def test_command_line(tmp_path):
    told = CliRunner().invoke(app, ["spikezip", "--help"])
    assert told.exit_code == 0 and all(word in told.stdout for word in ("train", "check", "curve"))
    command = [sys.executable, "-m", "golden", "spikezip", "train", "--config"]
    told = subprocess.run([*command, str(tmp_path / "none.toml")], capture_output=True, text=True)
    assert told.returncode == 2 and told.stderr.startswith("error: the configuration file")
