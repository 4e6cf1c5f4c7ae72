# SPDX-License-Identifier: Apache-2.0
"""The points of the curves: all are trained, once, and read back."""

import json

import pytest
import torch

import golden.lab.studies.sparsity_curves
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.studies.sparsity_curves import CONFIG, CurvesConfig, points, show, train
from golden.lab.train.checkpoint import save_dense

ROUND = "epochs = 1\nbatch_size = 16\nimages = 32\nmonitor_images = 16\nprecision = 'float32'\n"
TEXT = f"""methods = ["balanced", "uticket"]
sparsities = [0.75, 0.5]
search_epochs = 1
ramp = 0.5
[prune]
lanes = 4
vary = "row"
importance = "rate"
[quant]
calibration = 16
residual_frac_bits = 3
[finetune]
{ROUND}[qat]
{ROUND}"""


@pytest.mark.long
def test_points_are_trained_once(data, tmp_path, capsys):
    torch.manual_seed(0)
    dense, config, folder = tmp_path / "d.safetensors", tmp_path / "c.toml", tmp_path / "curves"
    save_dense(dense, Spikingformer(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)), {})
    config.write_text(TEXT)
    with pytest.raises(UserError, match="no point yet"):
        show(config, folder)
    train("test", config, dense, folder, tmp_path / "runs")
    found = points(config, folder)
    assert [(p.method, p.sparsity) for p in found] == [
        ("balanced", 0.5), ("balanced", 0.75), ("uticket", 0.5), ("uticket", 0.75)
    ]  # fmt: skip
    for point in found:
        assert point.weight_sparsity == pytest.approx(point.sparsity, abs=0.06)
        facts = json.loads(point.checkpoint.with_suffix(".json").read_text())
        assert facts["accuracy"] == point.accuracy
        assert {"command", "seed", "minutes"} <= facts.keys()
    show(config, folder)
    assert "uticket" in capsys.readouterr().out
    first = found[0].checkpoint
    times = {p.checkpoint: p.checkpoint.stat().st_mtime_ns for p in found}
    first.unlink()
    train("test", config, dense, folder, tmp_path / "runs")
    again = {p.checkpoint: p.checkpoint.stat().st_mtime_ns for p in points(config, folder)}
    assert {path for path in times if again[path] != times[path]} == {first}
    config.write_text(TEXT.replace("ramp = 0.5", "ramp = 0.6"))
    train("test", config, dense, folder, tmp_path / "runs")
    assert all(p.checkpoint.stat().st_mtime_ns > again[p.checkpoint] for p in found)


def test_a_point_that_cannot_be_exported_does_not_stop_the_others(data, tmp_path, monkeypatch):
    torch.manual_seed(0)
    dense, config, folder = tmp_path / "d.safetensors", tmp_path / "c.toml", tmp_path / "curves"
    save_dense(dense, Spikingformer(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)), {})
    config.write_text(TEXT)
    real = golden.lab.studies.sparsity_curves.run_rounds

    def run_rounds(settings, *rest):
        if settings.prune.method == "balanced":
            raise UserError("layer x: beyond 16 bits")
        return real(settings, *rest)

    monkeypatch.setattr(golden.lab.studies.sparsity_curves, "run_rounds", run_rounds)
    expected = r"^balanced_75: layer x: beyond 16 bits; balanced_50: layer x: beyond 16 bits$"
    with pytest.raises(UserError, match=expected):
        train("test", config, dense, folder, tmp_path / "runs")
    assert [point.checkpoint.stem for point in points(config, folder)] == [
        "uticket_50", "uticket_75"
    ]  # fmt: skip


def test_facts_that_cannot_be_read(tmp_path):
    (tmp_path / "balanced_50.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"balanced_50\.json, the facts"):
        points(CONFIG, tmp_path)


def test_committed_configuration_has_all_points():
    config = load(CONFIG, CurvesConfig)
    assert set(config.methods) == {"balanced", "unstructured", "uticket"}
    assert set(config.sparsities) == {0.5, 0.75, 0.875, 0.9375}
