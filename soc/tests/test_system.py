# SPDX-License-Identifier: Apache-2.0
"""The whole system in Verilator, on hardware and a network that are short to build and simulate.

One build serves all tests: firmware and memory are read when the simulation starts.
"""

import json

import numpy as np
import pytest
from PIL import Image

from golden.cli.main import main
from golden.contract.model import forward
from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from soc import run, simulation, software
from tb.system.run import SMALL

CONFIG = "2x8,lanes=4,banks=2,line_words=4,acc_depth=16"
COUNT = 2  # of different classes: one after the other shows what is left from the one before


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Checkpoint, data set and images as files, and the golden logits."""
    folder = tmp_path_factory.mktemp("soc")
    network = random_network(SMALL, 1, "balanced", lanes=Hardware.named(CONFIG).lanes)
    network.save(folder / "network.safetensors")
    images = random_images(SMALL, COUNT, 1)
    logits = forward(network, images).logits
    assert len(set(logits.argmax(1).tolist())) == COUNT
    labels = np.arange(COUNT)
    more = np.zeros((SMALL.classes, *images.shape[1:]), np.uint8)
    np.savez(
        folder / "data.npz", x_train=more, y_train=np.arange(SMALL.classes),
        x_test=images, y_test=labels,
    )  # fmt: skip
    for i, image in enumerate(images):
        Image.fromarray(image[0]).save(folder / f"{i}.png")
    return folder, logits


def psf(*words, status=0):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == status


@pytest.mark.long
def test_the_system(work, monkeypatch, tmp_path, capsys):
    """`psf soc`: classes, logits and errors over the UART; and it notices a wrong logit."""
    folder, logits = work
    monkeypatch.setattr(run, "REPORT", tmp_path / "soc.json")
    line = ["soc", "--config", CONFIG, "--checkpoint", folder / "network.safetensors",
            "--data", folder / "data.npz"]  # fmt: skip
    psf(*line, "--images", COUNT)
    said = capsys.readouterr().out
    report = json.loads((tmp_path / "soc.json").read_text())
    assert report["images"] == COUNT and report["wrong"] == 0 and report["problems"] == []
    assert sorted(row["logits"] for row in report["per_image"]) == sorted(logits.tolist())
    last = report["per_image"][-1]
    assert last["cycles"] > last["cycles_quiet"] > 1000  # the processor stalls it
    assert "uart: error: the accelerator stopped with an error: the CRC-32 of the data" in said
    assert said.count("as expected") == COUNT + 2 and "WRONG" not in said

    right = forward

    def wrong(network, images):
        trace = right(network, images)
        trace.logits[0, -1] += 1
        return trace

    monkeypatch.setattr(run, "forward", wrong)
    psf(*line, "--images", 1, status=1)
    assert "error: class or logits are not the expected ones" in capsys.readouterr().out


@pytest.mark.long
def test_a_board(work, capsys):
    """`psf board run` through a pseudo-terminal: sends the network once, then images."""
    folder, logits = work
    with run.serving(Hardware.named(CONFIG)) as port:
        with run.Console(port, run.PATIENCE_S) as console:
            for line, words in {
                "run 0": "there is no network", "image 64": "there is no network",
                "check": "not a package", "put 0": "or none", "put 99999999": "too many bytes",
                "run": "a command and a number", "run 1x": "a command and a number",
                "dance 1": "an unknown command",
            }.items():  # fmt: skip
                assert words in run.complaint(lambda line=line: console.command(line)), line
        line = ["board", "run", "--port", port, "--timeout", run.PATIENCE_S, "--checkpoint",
                folder / "network.safetensors"]  # fmt: skip
        psf(*line, *(folder / f"{i}.png" for i in range(COUNT)))
        said = capsys.readouterr().out
        assert said.count("network sent") == 1
        for i, row in enumerate(logits.tolist()):
            assert f"{folder / f'{i}.png'}  {np.argmax(row)}  " in said
            assert f"logits {', '.join(map(str, row))}\n" in said
        psf(*line, folder / "1.png")
        assert "network sent" not in capsys.readouterr().out
        with run.Console(port, run.PATIENCE_S) as console:  # a damaged package is refused
            assert "a damaged one" in run.broken(console, 0x300, console.check)
            assert "there is no network" in run.complaint(lambda: console.run(0))
            console.check()
        other = random_network(SMALL, 2, "balanced", lanes=Hardware.named(CONFIG).lanes)
        other.save(folder / "other.safetensors")
        line[-1] = folder / "other.safetensors"
        psf(*line, folder / "1.png")
        assert "network sent" in capsys.readouterr().out


def test_memory_files(tmp_path):
    """Row, bank, column: what LiteDRAM makes of an address."""
    data = np.arange(3 * 4 * 512, dtype="<u2")
    simulation.fill(tmp_path, [0x13, 0xDEADBEEF], data.tobytes())
    assert (tmp_path / "psf_soc_rom.init").read_text() == "00000013\ndeadbeef\n"
    second = (tmp_path / "psf_soc_mem_1.init").read_text().split()
    assert [int(word, 16) for word in second] == [
        row * 2048 + 512 + column for row in range(3) for column in range(512)
    ]


def test_firmware_has_no_warnings_and_fits(tmp_path):
    headers = simulation.design(Hardware.named(CONFIG)).headers
    words = software.firmware(tmp_path, headers)
    assert 1000 < len(words) * 4 < 0x4000
    headers["generated/soc.h"] = headers["generated/soc.h"].replace("PSF_INTERRUPT", "NO_INTERRUPT")
    with pytest.raises(AssertionError, match="PSF_INTERRUPT"):
        software.firmware(tmp_path, headers)
