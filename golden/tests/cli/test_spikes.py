# SPDX-License-Identifier: Apache-2.0
"""`psf spikes`: points are trained once, read back, and counted as the hardware counts."""

import json

import numpy as np
import pytest
import torch

import golden.cli.spikes
import golden.lab.networks.lif_neuron
import golden.lab.studies.spike_prices
from golden.cli.spikes import means, spikes
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.contract.settings import load
from golden.lab.data import shown
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.studies.spike_prices import CONFIG, SpikesConfig, points
from golden.lab.train.checkpoint import save_dense

TEXT = """start = "{folder}/dense.safetensors"
against = "{folder}/against.safetensors"
penalties = [0.0, 0.5]
windows = [1, 2]
seeds = {seeds}
search_epochs = 0
[prune]
lanes = 4
fraction = 0.5
[finetune]
epochs = 1
batch_size = 16
images = 48
learning_rate = 1e-2
monitor_images = 16
precision = "float32"
label_smoothing = {smoothing}
[quant]
calibration = 16
residual_frac_bits = 3
[qat]
epochs = 0
"""
NAMES = ["price0_seed1", "price0.5_seed1", "price0.5_window2_seed1"]


@pytest.fixture
def folder(data, tmp_path, monkeypatch):
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)
    monkeypatch.setattr(golden.lab.studies.spike_prices, "FOLDER", tmp_path / "none")
    torch.manual_seed(0)
    network = Spikingformer(NetworkConfig(depth=1, dim=32, heads=2, timesteps=2))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.constant_(module.bias, 0.6)  # so that something fires
    save_dense(tmp_path / "dense.safetensors", network, {"accuracy": 0.5})
    write(tmp_path)
    return tmp_path


def write(folder, seeds="[1]", smoothing=0.1):
    text = TEXT.format(folder=folder, seeds=seeds, smoothing=smoothing)
    (folder / "spikes.toml").write_text(text)


def run(folder, show=False, images=1):
    reports = [folder / "out.json"]
    return spikes(folder / "spikes.toml", folder / "runs", reports, images, "2x8", show, "cmd")


def additions(network, images):
    """Of q, k and v of the first block alone, by the trace."""
    trace = forward(network, images)
    fired = trace.spike["tokenizer.4"][0].reshape(-1, network.config.dim).sum(0).astype(int)
    block = network.blocks[0]
    return sum(int(fired @ (x.weight != 0).sum(0)) for x in (block.q, block.k, block.v))


@pytest.mark.long
def test_points_are_trained_once(folder, capsys):
    with pytest.raises(UserError, match="holds no point"):
        run(folder, show=True)
    config = load(folder / "spikes.toml", SpikesConfig)
    golden.lab.studies.spike_prices.train(config, folder / "runs", "cmd")
    found = points(config, folder / "runs")
    assert [point.checkpoint.stem for point in found] == NAMES
    times = {p.checkpoint: p.checkpoint.stat().st_mtime_ns for p in found}
    against = QuantNetwork.load(found[0].checkpoint)
    against.save(folder / "against.safetensors")
    (folder / "against.json").write_text(json.dumps({"accuracy": 0.5}))
    report = run(folder)
    assert {p: p.stat().st_mtime_ns for p in times} == times  # not again
    assert json.loads((folder / "out.json").read_text()) == report
    assert [row["penalty"] for row in report["points"]] == [0.0, 0.5, 0.5]
    assert [row["window"] for row in report["points"]] == [1, 1, 2]
    for row, point in zip(report["points"], found, strict=True):
        facts = json.loads(point.checkpoint.with_suffix(".json").read_text())
        assert row["accuracy"] == facts["accuracy"] and row["cycles"] > 0
        images = shown(against.config, against.provenance["data"], count=1).images
        least = additions(QuantNetwork.load(point.checkpoint), images)
        assert row["additions"] > least
        assert row["additions"] >= row["pattern_additions"] > 0
    assert report["points"][0]["additions"] == report["against"]["additions"]
    assert report["points"][0]["additions"] > report["points"][1]["additions"]
    assert report["missing"] == [] and "price" in capsys.readouterr().out
    write(folder, seeds="[1, 2]")
    report = run(folder, show=True)
    assert report["missing"] == [name.replace("seed1", "seed2") + ".safetensors" for name in NAMES]
    write(folder, smoothing=0.2)
    with pytest.raises(UserError, match="holds no point"):  # of these settings
        run(folder, show=True)


def test_a_point_that_cannot_be_exported_does_not_stop_the_others(folder, monkeypatch):
    real = golden.lab.studies.spike_prices.run_rounds

    def run_rounds(settings, *rest):
        if settings.finetune.spike_window == 2:
            raise UserError("layer x: beyond 16 bits")
        return real(settings, *rest)

    monkeypatch.setattr(golden.lab.studies.spike_prices, "run_rounds", run_rounds)
    with pytest.raises(UserError, match=r"^price0.5_window2_seed1: layer x: beyond 16 bits$"):
        run(folder)
    config = load(folder / "spikes.toml", SpikesConfig)
    found = [point.checkpoint.stem for point in points(config, folder / "runs")]
    assert found == NAMES[:2]


def test_means_over_the_seeds():
    rows = [
        {"penalty": 1.0, "window": 1, "accuracy": a, "additions": n, "pattern_additions": n / 2,
         "cycles": 10.0}
        for a, n in ((0.5, 6.0), (0.625, 8.0), (0.75, 10.0))
    ]  # fmt: skip
    base = {"accuracy": 0.75, "additions": 16.0, "pattern_additions": 8.0, "cycles": 8.0}
    (found,) = means(rows, base)
    assert found["seeds"] == 3 and found["accuracy"] == 0.625 and found["accuracy_spread"] == 0.25
    assert found["accuracy_points"] == -12.5
    assert found["additions"] == 8 and found["additions_change"] == -0.5
    assert found["pattern_additions_change"] == -0.5 and found["cycles_change"] == 0.25
    assert np.isclose(found["additions_spread"], 4)


def test_committed_configuration():
    config = load(CONFIG, SpikesConfig)
    assert config.prune.method == "kept" and len(config.seeds) == 3 and 0.0 in config.penalties
