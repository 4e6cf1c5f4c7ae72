# SPDX-License-Identifier: Apache-2.0
"""``psf bench``: a trace from file to report, and what a user can get wrong."""

import json

import numpy as np
import pytest

from golden.cli.main import main
from golden.hardware import isa
from golden.hardware.workload.recording import Recording, write
from tb.measure import bench, report
from tb.system.run import run_work


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """A folder with a trace of two small layers; reports go there, too."""
    monkeypatch.setattr(report, "REPORTS", tmp_path)
    rng = np.random.default_rng(1)
    small = [
        Recording(name, (rng.random(shape) < 0.2).astype(np.uint8), outputs, kernel)
        for name, shape, outputs, kernel in (
            ("conv", (2, 16, 4, 4), 32, 3),
            ("fc", (2, 24, 5, 1), 32, 1),
        )
    ]
    write(tmp_path / "small.npz", small)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "small.npz", small)
    write(tmp_path / "default.npz", small)
    write(tmp_path / "wide.npz", [Recording("wide", np.zeros((8, 200, 2, 2)), 8, 3)])
    (tmp_path / "text.npz").write_text("no trace")
    return tmp_path


def start(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *map(str, arguments)])
    return ended.value.code


MISTAKES = {
    "--trace {}/none.npz": "does not exist",
    "--trace {}/text.npz": "is not an npz file",
    "--trace {}/default.npz": "files whose names differ",
    "--trace {0}/small.npz --trace {0}/other/small.npz": "files whose names differ",
    "--trace {}/small.npz --density 0": "--density is 0, it must be a number from 0.001 to 1",
    "--trace {}/small.npz --config wide": "hardware configuration 'wide' is not known",
    "--trace {}/small.npz --config 2x8,spike_lines=8": "spike lines, of 8 in all",
    "--trace {}/wide.npz --config 2x8": "wide: lines of one patch is 225",
    "--trace {}/small.npz --stalls 96": "--stalls is 96, it must be",
    "--workload vgg": "--workload 'vgg' is not known",
    "--trace {}/small.npz --connected 24": "--connected '24' should be two or more numbers",
    "--trace {}/small.npz --connected 24,x": "--connected '24,x' should be two or more numbers",
    "--trace {}/small.npz --connected 24,0": "--connected '24,0' should be two or more numbers",
    "--trace {}/small.npz --batch 0": "--batch is 0, it must be",
    "--workload default --images 0": "--images is 0, it must be",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(arguments, traces, capsys):
    assert start(*arguments.format(traces).split()) == 2
    error = capsys.readouterr().err
    assert MISTAKES[arguments] in error and error.count("\n") == 1


def test_a_trace(traces, capsys):
    """Twice, with another density: the report has both, and what other runs left."""
    old = {"paper": {"weight_stream_bytes": 2, "dense_weights": 30}, "bits_per_dense_weight": 0.5}
    (traces / "bench.json").write_text(json.dumps(old))
    figures = {}
    for density in (0.25, 0.5):
        arguments = ("--trace", traces / "small.npz", "--density", density, "--config", "2x8")
        assert start(*arguments) == 0
        data = json.loads((traces / "bench.json").read_text())
        name = "small" if density == 0.25 else "small-0.5"
        assert {"paper", name, "bits_per_dense_weight"} <= set(data)
        figures[density] = x = data[name]
        assert x["mismatches"] == 0 and x["measured_density"] == density
        assert x["limit_ratio"] == pytest.approx(1 / x["utilisation"])
        useful = sum(layer["useful"] for layer in x["layers"])
        assert x["utilisation"] == pytest.approx(useful / 16 / x["cycles"])
        assert {"prosperity", "ptb_stsap", "sato", "mint"} <= set(x["cycles_of"])
        assert all(cycles > 0 for cycles in x["cycles_of"].values())
        dense = sum(v["dense_weights"] for v in data.values() if isinstance(v, dict))
        stream = sum(v["weight_stream_bytes"] for v in data.values() if isinstance(v, dict))
        assert data["bits_per_dense_weight"] == 8 * stream / dense
    assert figures[0.5]["layers"][0]["useful"] == 2 * figures[0.25]["layers"][0]["useful"]
    assert "prosperity" in capsys.readouterr().out


def test_layers_called_like_images(traces, capsys):
    rng = np.random.default_rng(1)
    spikes = (rng.random((2, 8, 4, 4)) < 0.2).astype(np.uint8)
    write(traces / "names.npz", [Recording(name, spikes, 8, 3) for name in ("x", "x#1")])
    assert start("--trace", traces / "names.npz", "--config", "2x8", "--batch", 2) == 2
    assert "an image of a batch is called 'x#1'" in capsys.readouterr().err


def test_a_batch_with_fully_connected_layers(traces, monkeypatch):
    """Weights are loaded once, all images are compared, and the layers behind those of the trace
    have a token for each."""
    works = []

    def kept(work, hardware, *arguments, **options):
        works.append(work)
        return run_work(work, hardware, *arguments, **options)

    monkeypatch.setattr(bench, "run_work", kept)
    arguments = ("--trace", traces / "small.npz", "--config", "2x8", "--connected", "64,24,5")
    assert start(*arguments, "--batch", 3) == 0
    x = json.loads((traces / "bench.json").read_text())["small-fc-batch3"]
    assert x["mismatches"] == 0 and x["batch"] == 3
    names = {layer["name"].partition("[")[0] for layer in x["layers"]}
    assert names == {"conv", "fc", "fc1", "fc2"}
    (work,) = works
    tokens = {y.name: y.recording.tokens.shape[1] for y in work.layers}
    assert tokens["fc1"] == tokens["fc2"] == 3 and tokens["conv"] == tokens["conv#2"] == 16
    assert start(*arguments) == 0
    alone = json.loads((traces / "bench.json").read_text())["small-fc"]
    assert alone["weight_stream_bytes"] == x["weight_stream_bytes"]
    assert x["cycles"] < 3 * alone["cycles"]
    assert all(x["cycles_of"][name] > 2 * alone["cycles_of"][name] for name in ("eyeriss", "mint"))


def test_a_mismatch_is_an_exit_status(traces, monkeypatch, capsys):
    """A program whose second layer takes the parameters of the first one."""

    def broken(work, hardware, *arguments, **options):
        items = list(map(isa.decode, isa.cut(work.program(hardware).program)))
        (_, first), (_, second) = (item for item in items if item[0] == isa.OP_LAYER)
        assert second["param_base"] != first["param_base"]
        second["param_base"] = first["param_base"]
        program = isa.sealed(b"".join(isa.encode(op, "", **fields) for op, fields in items))
        return run_work(work, hardware, *arguments, program=program, **options)

    monkeypatch.setattr(bench, "run_work", broken)
    assert start("--trace", traces / "small.npz", "--config", "2x8") == 1
    x = json.loads((traces / "bench.json").read_text())["small"]
    assert x["mismatches"] > 0 and x["layers"][0]["mismatches"] == 0
    second = x["layers"][1]["name"]
    assert f"mismatch: image 0: {second} timestep" in capsys.readouterr().out
