# SPDX-License-Identifier: Apache-2.0
"""Recorded spikes, the command, and the published cycles of the VGG-9 trace.

The trace is not part of the project: TRACE_DIR names its folder, else ../shared/traces beside a
working tree, and the tests on it are skipped where it is not."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from golden.contract import paths
from golden.contract.errors import UserError
from golden.hardware.peers.loas import loas_unpipelined
from golden.hardware.peers.product import useful_adds
from golden.hardware.peers.published_cycles import VGG9
from golden.hardware.peers.registry import cycles_of
from golden.hardware.peers.trace import load_trace

ROOT = paths.ROOT


@pytest.fixture(scope="module")
def vgg9():
    folder = Path(os.environ.get("TRACE_DIR", ROOT.parent / "shared/traces"))
    path = folder / "vgg9_cifar10.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there; TRACE_DIR names the folder that has it")
    if hashlib.sha256(path.read_bytes()).hexdigest() != VGG9.sha256:
        pytest.skip(f"{path} is not the file that the published cycles are of")
    return path


def test_published_cycles_exactly(vgg9):
    cycles = cycles_of(load_trace(vgg9, 0.25), VGG9.pes)
    assert {name: cycles[name] for name in VGG9.cycles} == VGG9.cycles
    assert cycles["ptb"] > 2 * cycles["ptb_stsap"]


def test_only_loas_profits_from_sparse_weights(vgg9):
    dense, sparse = (load_trace(vgg9, density) for density in (1, 0.125))
    limits = [sum(useful_adds(p) for p in products) / 128 for products in (dense, sparse)]
    assert limits[1] / limits[0] == pytest.approx(0.125, abs=0.003)
    before, after = cycles_of(dense), cycles_of(sparse)
    faster = {name for name in before if after[name] != before[name]}
    assert faster == {"loas"}
    assert after["loas"] < before["loas"] / 3
    for cycles, products in ((before, dense), (after, sparse)):
        assert sum(loas_unpipelined(p) for p in products) > cycles["loas"]


def write(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape, outputs, kernel in (("a", (4, 8, 6, 5), 16, 3), ("b", (2, 7, 3, 3), 40, 1)):
        arrays[f"{name}.spikes"] = np.packbits(rng.random(np.prod(shape)) < 0.3)
        arrays[f"{name}.shape"] = np.array(shape)
        arrays[f"{name}.out_channels"] = np.int64(outputs)
        arrays[f"{name}.kernel"] = np.int64(kernel)
    arrays |= changes
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


def test_load(tmp_path):
    a, b = load_trace(write(tmp_path / "t.npz"), 0.5)
    assert (a.spikes.shape, a.weight.shape, a.taps) == ((4, 30, 72), (72, 16), 9)
    assert (b.spikes.shape, b.weight.shape, b.taps) == ((2, 9, 7), (7, 40), 1)
    assert 0.4 < np.count_nonzero(a.weight) / a.weight.size < 0.6
    expected = np.unpackbits(np.load(tmp_path / "t.npz")["b.spikes"])[: 2 * 7 * 9]
    np.testing.assert_array_equal(b.spikes, expected.reshape(2, 7, 9).swapaxes(1, 2))


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_trace(tmp_path / "none.npz")
    for density in (0, 1.5):
        with pytest.raises(UserError, match="density"):
            load_trace(write(tmp_path / "t.npz"), density)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "golden", "peers", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "160"},
    )


def test_command(tmp_path):
    trace, out = write(tmp_path / "t.npz"), tmp_path / "reports/peers.json"
    done = command("--trace", trace, "--density", 0.5, "--pes", 64, "--out", out)
    assert done.returncode == 0, done.stderr
    facts = json.loads(out.read_text())
    products = load_trace(trace, 0.5)
    assert facts["cycles_of"] == cycles_of(products, 64)
    assert facts["layers"]["b"]["cycles_of"] == cycles_of(products[1:], 64)
    assert facts["useful_adds"] == sum(useful_adds(p) for p in products)
    assert 0.2 < facts["product_density"] + 0.1 < facts["bit_density"] < 0.35
    assert "published" not in facts
    sparsity = facts["weight_sparsity"]
    zeros = [(p.weight == 0).sum() for p in products], [p.weight.size for p in products]
    assert sparsity == sum(zeros[0]) / sum(zeros[1]) < 0.49  # its outputs do not fill all lanes
    assert f"weight sparsity {sparsity:.4f}, asked for 0.5000: every lane keeps" in done.stdout
    assert f"{facts['cycles_of']['prosperity']:,}" in done.stdout
    assert sorted(p.name for p in out.parent.iterdir()) == [".psf.json", "peers.json"]


@pytest.mark.parametrize("arguments", [(), ("--trace", "none.npz"), ("--network", "none")])
def test_command_errors(arguments, tmp_path):
    done = command(*arguments, "--out", tmp_path / "peers.json")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
