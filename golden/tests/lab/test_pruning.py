# SPDX-License-Identifier: Apache-2.0
"""The comparison of the pruning methods: what is trained, what is read, what is reported."""

import json

import pytest
import torch

import golden.lab.networks.lif_neuron
import golden.lab.studies.pruning_methods
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.studies.pruning_methods import (
    CONFIG,
    METHODS,
    CompareConfig,
    compare,
    lottery_settings,
    settings,
)
from golden.lab.train.checkpoint import save_dense

ROUND = "epochs = 1\nbatch_size = 16\nimages = 32\nmonitor_images = 16\nprecision = 'float32'\n"
BASE = f"""search_epochs = 1
ramp = 0.5
[prune]
lanes = 4
vary = "row"
[quant]
calibration = 16
residual_frac_bits = 3
[finetune]
{ROUND}[qat]
{ROUND}"""


@pytest.fixture
def folder(data, tmp_path, monkeypatch):
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)
    torch.manual_seed(0)
    dense = tmp_path / "dense.safetensors"
    network = Spikingformer(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2))
    save_dense(dense, network, {"accuracy": 0.5})
    (tmp_path / "base.toml").write_text(BASE)
    write(tmp_path, ["layerwise", "lottery_uticket"])
    return tmp_path


def write(folder, methods, **changes):
    lines = {"base": folder / "base.toml", "dense": folder / "dense.safetensors", "curves": ""}
    text = "".join(f'{key} = "{value}"\n' for key, value in (lines | changes).items())
    text += f"methods = {json.dumps(methods)}\n[lottery]\nrounds = 2\nimages = 16\n"
    (folder / "compare.toml").write_text(text)


def run(folder):
    return compare(
        folder / "compare.toml", folder / "runs", (folder / "out.json",), "cmd", folder / "none"
    )


def test_compare(folder, capsys):
    report = run(folder)
    assert json.loads((folder / "out.json").read_text()) == report
    assert report["dense"]["accuracy"] == 0.5 and report["lanes"] == 4
    found = {entry["method"]: entry for entry in report["methods"]}
    assert list(found) == ["layerwise", "lottery_uticket"]
    for entry in found.values():
        assert entry["sparsity"] == pytest.approx(0.75, abs=0.06)
        assert 0.0 <= entry["accuracy"] <= 1.0
        assert entry["pe_load"]["max_over_mean"] >= 1.0
        assert len(entry["picture"]["per_lane"]) == 4
        assert entry["command"] == "cmd" and entry["seed"] == 1
    rounds = json.loads((folder / "runs/lottery_uticket_75/lottery.json").read_text())["rounds"]
    assert rounds[-1]["sparsity"] == pytest.approx(0.75, abs=0.02)
    assert rounds[-1]["utilisation"] == 1.0
    assert "layerwise" in capsys.readouterr().out
    times = {p: p.stat().st_mtime_ns for p in (folder / "runs/points").glob("*.safetensors")}
    write(folder, ["lottery_uticket", "layerwise"])
    assert [entry["method"] for entry in run(folder)["methods"]] == ["lottery_uticket", "layerwise"]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    base = folder / "base.toml"
    base.write_text(BASE.replace("ramp = 0.5", "ramp = 0.6"))
    write(folder, ["layerwise"])
    run(folder)
    changed = {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {"layerwise_75"}


def test_a_network_that_cannot_be_exported_does_not_stop_the_others(folder, monkeypatch):
    real = golden.lab.studies.pruning_methods.run_rounds

    def run_rounds(pruning, *rest):
        if pruning.prune.method == "balanced":
            raise UserError("layer x: beyond 16 bits")
        return real(pruning, *rest)

    monkeypatch.setattr(golden.lab.studies.pruning_methods, "run_rounds", run_rounds)
    write(folder, ["balanced_one_shot", "layerwise"])
    with pytest.raises(UserError, match=r"^balanced_one_shot: layer x"):
        run(folder)
    report = json.loads((folder / "out.json").read_text())
    assert [entry["method"] for entry in report["methods"]] == ["layerwise"]


def test_a_point_of_the_curves_is_read(folder):
    write(folder, ["layerwise"])
    run(folder)
    point = next((folder / "runs/points").glob("*.safetensors"))
    facts = json.loads(point.with_suffix(".json").read_text())
    point.with_suffix(".json").write_text(json.dumps(facts | {"config": BASE, "accuracy": 0.25}))
    write(folder, ["layerwise"], curves=point.parent)
    assert run(folder)["methods"][0]["accuracy"] == 0.25
    (folder / "base.toml").write_text(BASE + "label_smoothing = 0.2\n")
    assert run(folder)["methods"][0]["accuracy"] != 0.25


def test_settings_of_the_committed_comparison():
    """All methods see the same number of images and end with the same zeros."""
    config = load(CONFIG, CompareConfig)
    assert set(config.methods) == set(METHODS)
    for method in config.methods:
        pruning, rounds = settings(config, method), lottery_settings(config, method)
        images = pruning.finetune.images * pruning.finetune.epochs
        if method.startswith("lottery"):
            images = rounds.rounds * rounds.train.images * rounds.train.epochs
            assert pruning.prune.method == "kept"
            assert rounds.zeros(63744, rounds.rounds) == round(config.sparsity * 63744)
        assert images == pytest.approx(8000, abs=2)
        assert pruning.qat.images * pruning.qat.epochs == 4000
    assert settings(config, "balanced_one_shot").search_epochs == 0
    assert settings(config, "balanced").ramp > 0


def test_mistakes():
    with pytest.raises(UserError, match="'random'"):
        CompareConfig(methods=("random",))
    with pytest.raises(UserError, match="sparsity"):
        CompareConfig(sparsity=1.0)
