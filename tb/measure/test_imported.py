# SPDX-License-Identifier: Apache-2.0
"""A file in an authors' format, with weights that nobody trained, all the way to the RTL: import,
quantise, suggest, simulate; the commands of docs/guide/your_network.md."""

import json

import numpy as np
import pytest
import torch

from golden.cli.main import main
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.paper import natural_images
from golden.lab.authors import example

SIZES = example.spikingformer(depth=2, dim=96, heads=3, timesteps=2, size=16)


@pytest.fixture
def psf(capsys):
    """Runs a command line; what it printed."""

    def run(*line: object) -> str:
        with torch.compiler.set_stance("force_eager"), pytest.raises(SystemExit) as ended:
            main([str(word) for word in line])
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        return said.out

    return run


def test_a_file_of_the_authors_runs_on_the_rtl(psf, tmp_path):
    images = natural_images(40, 1, NetworkConfig(in_channels=3, height=16, width=16))
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(40) % 10)
    example.write(tmp_path / "model_best.pth.tar", SIZES)
    floats, integers = tmp_path / "float.safetensors", tmp_path / "int8.safetensors"
    psf("import", tmp_path / "model_best.pth.tar", "--data", tmp_path / "images.npz",
        "--out", floats)  # fmt: skip
    told = psf("quantise", floats, "--out", integers, "--images", 16, "--test-images", 8)
    assert "test images of images.npz" in told and "differ" in told
    network = QuantNetwork.load(integers)
    assert network.config.mean == SIZES.mean and network.config.constant_bit is not None
    facts = json.loads((tmp_path / "int8.json").read_text())
    assert facts["method"] == "post-training" and facts["calibration_images"] == 16
    told = psf("hardware", "suggest", integers, "--all", "--bound")
    assert "4x16: blocks.0.attention.key_value: accumulators per lane is 64" in told
    smallest = told.splitlines()[-1].removeprefix("smallest: --config ")
    assert smallest.startswith("2x8,acc_depth=128")
    assert "4x32: at least" in told  # as it is: the build that other tests have, too
    assert [line.split()[1] for line in psf("hardware", "list").splitlines() if "│" in line] == [
        "2x8", "4x16", "8x16", "4x32", "8x32", "16x32"
    ]  # fmt: skip
    told = psf("sim", "--checkpoint", integers, "--config", "4x32", "--images", 1)
    assert "RTL equals golden 1, mismatches 0" in told
