# SPDX-License-Identifier: Apache-2.0
"""A sweep survives the killing of a worker, is restartable, and its settings are checked."""

import os
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client

from golden.cli.sweep.config import Axes, SweepConfig, digest, points, to_toml
from golden.cli.sweep.graph import Step, execute
from golden.cli.sweep.run import mean_table, table
from golden.cli.sweep.steps import count_step, prune_step, steps, train_step
from golden.cli.sweep.summary import means
from golden.cli.workers import connect
from golden.contract.energy.paper_row import totals
from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.settings import load
from golden.contract.sparsity import prunable_weights
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.prune.pruning_config import PruneRunConfig, QuantConfig
from golden.lab.quantise.convert import calibrate, refusal
from golden.lab.studies.torch_rows import measure
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import split_tensors
from golden.lab.train.training_config import RunConfig, TrainConfig
from golden.tests.cli import sweep_steps as tiny

QUICK = TrainConfig(epochs=1, batch_size=8, images=24, monitor_images=8, precision="float32")
SMALL = SweepConfig(
    Axes(sparsity=(0.5, 0.75), hardware=("4x16", "2x8")),
    1,
    NetworkConfig(depth=1, dim=16, heads=2, timesteps=2),
    QUICK,
    PruneRunConfig(
        prune=PruneConfig("unstructured"), finetune=QUICK, qat=QUICK, quant=QuantConfig(4, 24)
    ),
)


def graph(folder, function, shared=2, each=4):
    """`each` points behind every one of `shared` steps, in the folders of a sweep."""
    out = []
    for i in range(shared):
        first = Step(tiny.base, i, folder / "train" / f"{i}")
        for k in range(each):
            out.append(Step(function, k, folder / "points" / f"{i}-{k}", (first,)))
    return out, [{"value": 10 * i + k} for i in range(shared) for k in range(each)]


def calls(folder):
    lines = (folder / "calls").read_text().splitlines()
    return Counter(line.rsplit(" ", 1)[0] for line in lines), [int(x.split()[-1]) for x in lines]


def test_a_sweep_survives_the_killing_of_a_worker_and_is_restartable(tmp_path):
    wanted, right = graph(tmp_path, tiny.slow)
    killed = []

    def kill():
        """One of the processes, in the middle of a step, as soon as one point is finished."""
        while not list((tmp_path / "points").glob("*.json")):
            time.sleep(0.02)
        time.sleep(0.15)
        killed.append(calls(tmp_path)[1][-1])
        os.kill(killed[0], signal.SIGKILL)

    with connect(2, None) as client:
        thread = threading.Thread(target=kill)
        thread.start()
        assert execute(wanted, client) == right
        thread.join()
        counts, pids = calls(tmp_path)
        assert killed and killed[0] in pids and len(set(pids)) >= 2
        # The step that died ran again; what was finished did not, the shared steps included.
        assert sum(counts.values()) == 2 + len(wanted) + 1
        assert counts["base 0"] == counts["base 1"] == 1

        # All again: nothing runs. One file fewer: only that point runs, not what it needs.
        assert execute(wanted, client) == right
        assert calls(tmp_path)[0] == counts
        wanted[3].file.unlink()
        assert execute(wanted, client) == right
        assert calls(tmp_path)[0] - counts == Counter({"slow 3": 1})

        # A file cut short is not a result.
        wanted[5].file.write_text('{"val')
        assert execute(wanted, client) == right

        # What fails is recorded and does not stop the others; it is tried again.
        wanted, right = graph(tmp_path / "picky", tiny.picky, shared=1, each=3)
        found = execute(wanted, client)
        assert [found[0], found[2]] == [right[0], right[2]]
        assert found[1]["error"].startswith("ValueError: 1 is wrong (")
        assert "Traceback" in (wanted[1].folder / "log.txt").read_text()
        behind = Step(tiny.slow, 0, tmp_path / "picky/points/behind", (wanted[1],))
        assert execute([behind], client) == [{"error": found[1]["error"]}]
        (tmp_path / "picky/repaired").touch()
        assert execute([*wanted, behind], client) == [*right, {"value": 1}]
    assert isinstance(client, Client)


def test_points_share_their_training_and_settings_name_folders(tmp_path):
    def folders(config):
        found = steps(points(config), tmp_path)
        return [[s.folder for s in found]] + [
            [s.needs[i].folder for s in found] for i in (0, 1)
        ]  # points, trainings, prunings

    own, trained, pruned = folders(SMALL)
    assert [len(set(x)) for x in (own, trained, pruned)] == [4, 1, 4]
    same_lanes = replace(SMALL, axes=replace(SMALL.axes, hardware=("4x16", "4x16,bank_depth=2048")))
    assert [len(set(x)) for x in folders(same_lanes)] == [4, 1, 2]
    assert folders(SMALL) == folders(replace(SMALL))
    other = folders(replace(SMALL, train=replace(QUICK, learning_rate=1e-3)))
    assert not any(set(x) & set(y) for x, y in zip(other, (own, trained, pruned), strict=True))
    other = folders(replace(SMALL, pruning=replace(SMALL.pruning, search_epochs=0)))
    assert other[1] == trained
    assert not set(other[0]) & set(own)
    assert not set(other[2]) & set(pruned)
    assert folders(replace(SMALL, images=2))[2] == pruned
    assert digest({"a": 1}) != digest({"a": 2})


def test_axes_beside_sparsity_and_hardware():
    """An axis without values has that of the settings; a dense point is one for all methods."""
    axes = Axes(dim=(16, 32), method=("balanced", "unstructured"), sparsity=(0.0, 0.5), seed=(7, 8))
    pruning = replace(SMALL.pruning, prune=PruneConfig(vary="drop", sparsity=0.5), search_epochs=1)
    found = points(replace(SMALL, axes=axes, pruning=pruning))
    assert len(found) == len({point.label for point in found}) == 2 * 2 * (1 + 2)
    for point in found:
        assert point.training.network.dim == point.dim
        assert point.pruning.finetune.seed == point.pruning.qat.seed == point.seed
        assert point.training.train == SMALL.train
        prune = point.pruning.prune
        if point.sparsity:
            assert (prune.method, prune.sparsity) == (point.method, point.sparsity)
            assert point.pruning.search_epochs == 1
        else:
            assert point.method == "dense" and prune.fraction == 1 and prune.vary == "none"
            assert point.pruning.search_epochs == 0
    (first, *_) = points(SMALL)
    assert (first.dim, first.method, first.seed) == (16, "unstructured", QUICK.seed)
    assert list(first.axes) == [
        "backbone", "encoder", "dim", "method", "sparsity", "seed", "hardware"
    ]  # fmt: skip


def test_means_over_seeds_and_the_front():
    def point(dim, seed, accuracy, cycles, weights=100):
        one = {"dim": dim, "seed": seed, "accuracy": accuracy, "cycles": cycles}
        same = {"weight_sparsity": 0.5, "sops": 1.0, "energy_uj": 2.0}
        return one | same | {"weights": weights}

    rows = means(
        [
            point(16, 1, 0.5, 100), point(16, 2, 0.75, 300),
            point(32, 1, 0.5, 200, 90),  # as slow as dim 16 and worse, but smaller
            point(64, 1, 0.75, 400), point(64, 2, 0.875, None),
            {"dim": 8, "seed": 1, "error": "why"},
        ],
        ["dim", "seed"],
    )  # fmt: skip
    assert [(row["dim"], row["seeds"]) for row in rows] == [(16, 2), (32, 1), (64, 2)]
    assert (rows[0]["accuracy"], rows[0]["accuracy_spread"]) == (0.625, 0.25)
    assert (rows[0]["cycles"], rows[0]["cycles_spread"]) == (200, 200)
    assert rows[2]["cycles"] is None and rows[2]["cycles_spread"] is None
    assert [row["front_cycles"] for row in rows] == [True, False, False]
    assert [row["front_weights"] for row in rows] == [False, True, True]
    assert mean_table(rows).row_count == 3


def test_settings_survive_their_toml(tmp_path):
    pruning = replace(SMALL.pruning, prune=PruneConfig(
        vary="drop", block={"mlp1": 16}, emphasis={"1": 20.0, "q": 0.3}, sparsity=0.5))  # fmt: skip
    for kind, settings in ((RunConfig, points(SMALL)[0].training), (PruneRunConfig, pruning)):
        (tmp_path / "a.toml").write_text(to_toml(settings))
        assert load(tmp_path / "a.toml", kind) == settings


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sparsity = [0.5, 1.5]", "1.5, it must be a number at least 0 and below 1"),
        ("sparsity = []", "must be a list of at least 1"),
        ("hardware = ['4x16', '4x16']", "each value once"),
        ("hardware = ['wide']", "'wide' is not known"),
        ("colour = ['red']", "no setting 'axes.colour'"),
        ("dim = [12]", "12, it must be a multiple of 8"),
        ("method = ['random']", "it must be one of balanced"),
        ("seed = [1, 1]", "each value once"),
    ],
)
def test_mistakes_are_sentences(tmp_path, text, sentence):
    (tmp_path / "a.toml").write_text(f"[axes]\n{text}\n")
    with pytest.raises(UserError, match=sentence):
        points(load(tmp_path / "a.toml", SweepConfig))


def test_no_scheduler():
    with pytest.raises(UserError, match=r"no dask scheduler at tcp://127\.0\.0\.1:9"):  # noqa: SIM117
        with connect(1, "tcp://127.0.0.1:9"):
            pass


def test_a_point_from_training_to_cycles(data, tmp_path, monkeypatch):
    """The real steps; the encoder that the hardware cannot run has all figures but cycles."""
    monkeypatch.setattr("golden.lab.networks.lif_neuron.COMPILE_FROM", 1 << 40)
    point = points(SMALL)[0]
    dense = train_step(point.training, _made(tmp_path / "train"))
    settings = (point.training.network, point.pruning)
    pruned = prune_step(settings, _made(tmp_path / "prune"), dense)
    found = count_step((point.hardware, 1), tmp_path, dense, pruned)
    assert 0.45 < found["weight_sparsity"] < 0.6
    assert found.get("reason") is None
    assert found["cycles"] > 0 and found["limit_ratio"] > 1 and found["energy_uj"] > 0
    weights = QuantNetwork.load(Path(pruned["integer"]))
    assert 0 < found["weights"] == sum(int((w != 0).sum()) for w in prunable_weights(weights))
    assert 0 < found["rates"]["tokenizer.1"] < 1

    # Its layers do not fit hardware without memory: a reason instead of cycles.
    full = count_step(("4x16,bank_depth=2", 1), tmp_path, dense, pruned)
    assert full["cycles"] is None and full["reason"] and full["energy_uj"] == found["energy_uj"]

    # What the converter takes has cycles, too: the sweep has no list of its own.
    for change in ({"head": "avgpool_fc"}, {"encoder": "learned"}):
        assert refusal(replace(point.training.network, **change)) is None
    other = replace(point.training.network, encoder="rate")
    assert "encoder direct or learned, not rate" in refusal(other)
    network = replace(point.training, network=other)
    dense = train_step(network, _made(tmp_path / "train2"))
    pruned = prune_step((other, point.pruning), _made(tmp_path / "prune2"), dense)
    without = count_step((point.hardware, 1), tmp_path, dense, pruned)
    assert without["cycles"] is None and "not rate" in without["reason"]
    assert 0.45 < without["weight_sparsity"] < 0.6
    assert without["macs"] == 0 < found["macs"]  # the first convolution sees spikes
    model = load_dense(Path(pruned["float"]))
    images, _ = split_tensors("test", 8)
    calibrate(model, images)  # after three steps of training nothing fires without
    assert totals(measure(model, images))["ac"] > 0
    assert table([(point, found), (point, without), (point, {"error": "why"})]).row_count == 3


def _made(folder):
    folder.mkdir()
    return folder
