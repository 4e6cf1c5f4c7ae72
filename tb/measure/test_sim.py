# SPDX-License-Identifier: Apache-2.0
"""What a user can get wrong at ``psf sim``: one sentence, exit status 2, no simulation."""

import numpy as np
import pytest

from golden.cli.main import main
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib import work
from tb.measure import report, sim


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    small = dict(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)
    random_network(NetworkConfig(**small)).save(folder / "good.safetensors")
    random_network(NetworkConfig(**small, in_channels=3, height=32, width=32)).save(
        folder / "colour.safetensors"
    )
    random_network(NetworkConfig(**(small | {"dim": 48}))).save(folder / "heads.safetensors")
    (folder / "text.safetensors").write_text("no network")
    return folder


MISTAKES = {
    "--images 0": "--images is 0, it must be a whole number from 1 to",
    "--images 10001": "--images 10001 must lie between",
    "--first 10000": "--first 10000 must lie between 0 and 9999",
    "--first 9990 --images 11": "--images 11 must lie between 1 and 10 from image 9990 on",
    "--stalls 96": "--stalls is 96, it must be",
    "--latency 256": "--latency is 256, it must be",
    "--config wide": "hardware configuration 'wide' is not known",
    "--config 4x16,acc_width=40": "acc_width=40 must lie between",
    "--checkpoint {}/none.safetensors": "does not exist",
    "--checkpoint {}/text.safetensors": "is not a quantised network",
    "--checkpoint {}/colour.safetensors": "the checkpoint takes images of (3, 32, 32)",
    "--checkpoint {}/heads.safetensors": "attention: head width 24 neither divides",
    "--sim questa": "questa",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(arguments, checkpoints, capsys):
    line = ["sim", "--checkpoint", str(checkpoints / "good.safetensors")]
    with pytest.raises(SystemExit) as ended:
        main(line + arguments.format(checkpoints).split())
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert MISTAKES[arguments] in error and error.count("\n") == 1


def test_missing_data_set(checkpoints, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    line = ["sim", "--checkpoint", str(checkpoints / "good.safetensors")]
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2 and "data set file" in capsys.readouterr().err


def test_figures_of_a_report():
    """Two images on 4 PEs: limits are useful adds over PEs, per image."""
    layer = dict(name="a", useful=80, pattern_adds=40, mismatches=0, cycles=30, rows=10)
    layer |= dict(row_adds=20, bank=1, fetch=2, drain=3, idle=4, gap=5)
    image = dict(label=1, rtl=1, golden=1, cycles=20, useful=40, pattern_adds=20)
    results = dict(images=[image, image | {"label": 2}], layers=[layer], mismatches=0)
    results |= dict(sim_cycles=100, wall_s=0.5, cpu_s=0.25)
    hardware = Hardware.named("2x8,lanes=4,banks=2")  # 8 PEs
    figures = report.summarise(results, hardware)
    assert (figures["images"], figures["correct"], figures["agree"]) == (2, 1, 2)
    assert figures["cycles_per_image"] == 20 and figures["limit_ratio"] == 40 / 10
    assert figures["pattern_ratio"] == 40 / 5
    assert figures["layers"][0]["limit"] == 5 and figures["layers"][0]["ratio"] == 3
    assert figures["lane_efficiency"] == 0.5 and figures["sim_cycles_per_second"] == 200


def test_simulations_side_by_side():
    """Every image once and in order, numbers from the first, sums of what is counted."""
    images, labels = np.arange(7).reshape(7, 1), np.arange(7)
    found = sim.side_by_side(counting, images, labels, sim.RunOptions(7, first=20, jobs=3))
    assert found["images"] == [{"label": i, "number": 20 + i} for i in range(7)]
    assert found["messages"] == ["from 20", "from 22", "from 24"]
    assert found["layers"] == [{"name": "a", "cycles": 70, "rows": 7}]
    assert (found["mismatches"], found["sim_cycles"], found["cpu_s"], found["wall_s"]) == (
        7,
        21,
        7,
        3,
    )
    (alone,) = {str(sim.side_by_side(counting, images[:1], labels[:1], sim.RunOptions(jobs=9)))}
    assert alone == str(counting(images[:1], labels[:1], number_from=0))


def counting(images, labels, number_from):
    """A results.json whose sums are known."""
    n = len(images)
    numbers = (images[:, 0] - images[0, 0] + number_from).tolist()
    rows = [{"label": int(a), "number": b} for a, b in zip(labels, numbers, strict=True)]
    layer = {"name": "a", "cycles": 10 * n, "rows": n}
    out = {"images": rows, "layers": [layer], "messages": [f"from {number_from}"]}
    return out | {"mismatches": n, "sim_cycles": 3 * n, "cpu_s": n, "wall_s": n}


def test_a_run_compiles_once(tmp_path, monkeypatch):
    """The job folder brings the program to the simulator, where nothing is compiled again."""
    network = random_network(NetworkConfig(depth=1, dim=16, heads=2))
    hardware = Hardware.named("2x8")
    calls = []

    def compiling(*arguments, **options):
        calls.append(arguments)
        return compile_network(*arguments, **options)

    monkeypatch.setattr(work, "compile_network", compiling)
    mine = work.NetworkWork(network, random_images(network.config, 2, 1))
    program = mine.program(hardware)
    mine.save(tmp_path)
    there = work.load(tmp_path)
    assert there.program(hardware).program == program.program == mine.program(hardware).program
    assert len(calls) == 1
    mine.program(hardware, coded=False)
    assert len(calls) == 2
