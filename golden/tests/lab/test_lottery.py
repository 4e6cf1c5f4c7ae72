# SPDX-License-Identifier: Apache-2.0
"""Lottery tickets: exact counts, nested masks, rewinding bit for bit, going on after a cut."""

import json
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file

import golden.lab.networks.lif_neuron
import golden.lab.prune.lottery
from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.lottery import LotteryConfig, draw, lottery
from golden.lab.prune.network_masks import PruneConfig, prunable
from golden.lab.prune.utilisation import lane_work, utilisation
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.lab.train.training_config import TrainConfig

NETWORK = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)
TRAIN = TrainConfig(
    seed=3, epochs=2, batch_size=16, images=48, monitor_images=16, precision="float32"
)


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    """Compiling the neuron takes longer than all of this training."""
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)


def small(**changes):
    prune = PruneConfig(method="unstructured", lanes=4, **changes.pop("prune", {}))
    settings = {"rounds": 3, "fraction": 0.3, "network": NETWORK, "prune": prune, "train": TRAIN}
    return LotteryConfig(**settings | changes)


def masks(path):
    return {k: v for k, v in load_file(path).items() if k.endswith(".mask")}


def weights(state):
    return {k: v for k, v in state.items() if not k.endswith(".mask")}


@pytest.mark.parametrize("rewind_epoch", [0, 1])
def test_rounds(data, tmp_path, monkeypatch, rewind_epoch):
    """Each round drops exactly its share, never takes one back, and starts from the kept state."""
    starts, real = [], golden.lab.prune.lottery.fit

    def fit(model, config, run, resume=False, *hooks):
        if resume:
            starts.append(torch.load(run / "last.pt", weights_only=True)["model"])
        else:
            starts.append({k: v.clone() for k, v in model.state_dict().items()})
        real(model, config, run, resume, *hooks)

    monkeypatch.setattr(golden.lab.prune.lottery, "fit", fit)
    config, run, out = small(rewind_epoch=rewind_epoch), tmp_path / "run", tmp_path / "out.pt"
    rounds = draw(config, "text", run, out, "command")
    total = rounds[0]["weights"]
    assert [r["zeros"] for r in rounds] == [total - round(total * 0.7**n) for n in range(4)]
    assert [r["round"] for r in rounds] == [0, 1, 2, 3]
    found = [masks(run / f"round_{n:02d}/state.safetensors") for n in range(4)]
    for before, after in pairwise(found):
        assert all((after[name] <= before[name]).all() for name in before)
    kept = weights(load_file(run / "rewind.safetensors"))
    assert len(starts) == 4
    for number, start in enumerate(starts[1:], 1):
        assert all(torch.equal(start[name], tensor) for name, tensor in kept.items()), number
        assert all(torch.equal(start[name], mask) for name, mask in found[number].items())
    torch.manual_seed(TRAIN.seed)
    initial = Spikingformer(NETWORK).state_dict()
    same = [torch.equal(kept[name], tensor) for name, tensor in weights(initial).items()]
    assert all(same) if rewind_epoch == 0 else not all(same)
    epochs = [len((run / f"round_{n:02d}/log.txt").read_text().split("\nepoch")) for n in range(4)]
    assert epochs == [2] + 3 * [2 - rewind_epoch]
    last = load_file(run / "round_03/state.safetensors")
    ticket = load_dense(out)
    for name, layer in prunable(ticket).items():
        assert torch.equal(layer.weight, last[f"{name}.weight"] * last[f"{name}.mask"])
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["rounds"] == rounds and facts["seed"] == 3


def test_smallest_of_all_layers_go(data, tmp_path):
    run = tmp_path / "run"
    draw(small(rounds=1), "", run, tmp_path / "o.safetensors", "")
    dense, mask = load_file(run / "round_00/state.safetensors"), masks(
        run / "round_01/state.safetensors"
    )  # fmt: skip
    pairs = [(dense[k.removesuffix("mask") + "weight"].abs(), m) for k, m in mask.items()]
    dropped = torch.cat([w[m == 0] for w, m in pairs])
    left = torch.cat([w[m == 1] for w, m in pairs])
    assert dropped.max() <= left.min()
    assert len({round(float(m.mean()), 3) for _, m in pairs}) > 1  # global, not layer by layer


def test_layerwise_rounds(data, tmp_path):
    config = small(rounds=2, prune={"importance": "gain"})
    config = LotteryConfig(**vars(config) | {"prune": PruneConfig(method="layerwise", lanes=4)})
    draw(config, "", tmp_path / "run", tmp_path / "o.safetensors", "")
    for mask in masks(tmp_path / "run/round_02/state.safetensors").values():
        assert int(mask.sum()) == round(mask.numel() * 0.7**2)


def test_recovery_balances_the_lanes_of_every_round(data, tmp_path):
    rounds = draw(
        small(recover=True, rounds=2), "", tmp_path / "run", tmp_path / "o.safetensors", ""
    )
    for entry in rounds[1:]:
        assert entry["utilisation"] == 1.0
        assert entry["sparsity"] == pytest.approx(1 - 0.7 ** entry["round"], abs=0.02)
    mask = masks(tmp_path / "run/round_02/state.safetensors")["blocks.0.mlp.mlp2.mask"]
    assert utilisation(lane_work(mask, 4).sum(1)) == 1.0


@pytest.mark.parametrize("rewind_epoch", [0, 1])
def test_a_cut_run_ends_as_an_uncut_one(data, tmp_path, monkeypatch, rewind_epoch):
    """Killed in the last epoch of every round: bit for bit the same ticket."""
    config, whole, cut = small(rounds=2, rewind_epoch=rewind_epoch), tmp_path / "a", tmp_path / "b"
    expected = draw(config, "", whole, tmp_path / "a.safetensors", "")
    real, killed = golden.lab.prune.lottery.fit, []

    class Killed(Exception):
        pass

    def fit(model, train, run, resume=False, hooks=None):
        hooks = hooks or golden.lab.prune.lottery.Hooks()

        def before_epoch(epoch):
            hooks.before_epoch(epoch)
            if epoch == train.epochs - 1 and run not in killed:
                killed.append(run)
                raise Killed

        real(model, train, run, resume, golden.lab.prune.lottery.Hooks(before_epoch))

    monkeypatch.setattr(golden.lab.prune.lottery, "fit", fit)
    for _ in range(3):
        with pytest.raises(Killed):
            draw(config, "", cut, tmp_path / "b.safetensors", "")
    found = draw(config, "", cut, tmp_path / "b.safetensors", "")
    assert [r["accuracy"] for r in found] == [r["accuracy"] for r in expected]
    a, b = (load_file(tmp_path / f"{name}.safetensors") for name in "ab")
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    with pytest.raises(UserError, match="another configuration"):
        draw(config, "other", cut, tmp_path / "b.safetensors", "")


def test_a_dense_start_is_pruned_at_once_and_rewound_to(data, tmp_path):
    torch.manual_seed(5)
    dense, start = Spikingformer(NETWORK), tmp_path / "dense.safetensors"
    save_dense(start, dense, {})
    run = tmp_path / "run"
    draw(small(rounds=1, start=str(start)), "", run, tmp_path / "o.safetensors", "")
    assert not (run / "round_00/log.txt").exists()
    kept = load_file(run / "rewind.safetensors")
    assert all(torch.equal(kept[k], v) for k, v in dense.state_dict().items())


def test_mistakes(tmp_path):
    for changes, word in (
        ({"rounds": 0}, "rounds is 0"),
        ({"fraction": 1.0}, "fraction"),
        ({"rewind_epoch": 2}, "rewind_epoch is 2"),
        ({"rewind_epoch": 1, "start": "x"}, "leave out start"),
        ({"prune": {"importance": "rate"}}, "importance"),
    ):
        with pytest.raises(UserError, match=word):
            small(**changes)
    with pytest.raises(UserError, match="method"):
        LotteryConfig(prune=PruneConfig(method="balanced"))
    config = tmp_path / "c.toml"
    config.write_text("round = 3\n")
    with pytest.raises(UserError, match="'round'"):
        lottery(config, tmp_path, tmp_path / "o", "")
