# SPDX-License-Identifier: Apache-2.0
"""The board at its pins: the models beside the FPGA by themselves, and the whole with firmware on
small hardware. What is wrong has to be seen."""

import json
import subprocess
from pathlib import Path

import pytest

from golden.contract.network import QuantNetwork
from golden.hardware.compile.package import package
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from soc import pinlevel, simulated_board, simulation, software
from soc.console import Console
from soc.run import complaint
from soc.tests.test_system import CONFIG, psf, work  # noqa: F401  a fixture

RIGHT, MODE, CLOSED, OPEN, EARLY, CONTENTION, STALE, UNSTABLE = 0, *range(2, 9)
CASES = {
    1: (RIGHT, "commands before the chip is awake: not obeyed"),
    2: (MODE, "no mode register"),
    3: (MODE, "bursts of two"),
    4: (RIGHT, "latency 3: data come a clock later than one looks"),
    5: (EARLY, "a command while it refreshes"),
    6: (UNSTABLE, "a command 0.5 ns before the clock"),
    7: (CLOSED, "a write to another bank"),
    8: (OPEN, "a row on top of another"),
    9: (OPEN, "a refresh while a row is open"),
    10: (STALE, "no refresh for 400 us"),
    11: (EARLY, "a row right after the mode register"),
    12: (CONTENTION, "a write on top of a read"),
    13: (EARLY, "a row closed after a clock"),
}
STOP = 90.0  # seconds without an answer, on small hardware


@pytest.fixture(scope="module")
def parts():
    """What the bench of the parts prints in a case, by its first words."""
    sources = [
        Path(__file__).with_name("psf_parts_bench.sv"),
        pinlevel.MODELS / "psf_sdram_chip.sv",
    ]
    sources.append(pinlevel.MODELS / "ecp5" / "EHXPLLL.sv")
    program = simulation.verilate("psf_parts_bench", {}, sources, pinlevel.TIMED)

    def run(case: int) -> str:
        return subprocess.run(
            [program, f"+case={case}"], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    return run


def test_sdram_chip(parts):
    """Data where they were written and at their time, and every offence by its name."""
    assert "fault 0 data cafe masked 00ff refreshes 1, fault 0\n" in parts(0)
    for case, (fault, what) in CASES.items():
        said = parts(case)
        assert f"fault {fault} data" in said, (what, said)
        if fault == RIGHT:  # what is wrong with these is seen in what they read
            assert "cafe" not in said, what


def test_pll(parts):
    """40 MHz twice, the second one a quarter of a period late."""
    assert "pll 1 25.000 25.000 6.250\n" in parts(0)


def test_pins_of_data():
    text = "module m (\n    input  wire   [15:0] sdram_dq,\n    input wire clk25\n);"
    assert "    inout  wire   [15:0] sdram_dq," in pinlevel.bidirectional(text)
    with pytest.raises(ValueError, match="0 declarations"):
        pinlevel.bidirectional(pinlevel.bidirectional(text))


@pytest.mark.long
def test_the_board(work, monkeypatch, tmp_path, capsys):  # noqa: F811
    """`psf board simulate`: images over the serial port; a network that is damaged, in the SDRAM
    and over the port; firmware that sets another latency than the controller waits for."""
    folder, logits = work
    monkeypatch.setattr(simulated_board, "REPORT", tmp_path / "bitstream.json")
    (tmp_path / "bitstream.json").write_text('{"met": true}')
    line = ["board", "simulate", "--config", CONFIG, "--data", folder / "data.npz",
            "--checkpoint", folder / "network.safetensors", "--images", 1,
            "--clock", 40]  # fmt: skip
    psf(*line)
    report = json.loads((tmp_path / "bitstream.json").read_text())
    found = report["simulation"]
    assert report["met"] and found["source"] == "rtl" and not found["sent"]
    assert found["images"] == 1 and found["wrong"] == 0 and found["cycles"] > 1000
    said = capsys.readouterr().out
    assert sum(f"logits {' '.join(map(str, row.tolist()))}\n" in said for row in logits) == 1

    hardware = Hardware.named(CONFIG)
    network = QuantNetwork.load(folder / "network.safetensors")
    whole = package(compile_network(network, hardware))
    with (
        pinlevel.serving(hardware, 40_000_000, memory=whole[:-1] + b"!") as port,
        Console(port, STOP) as console,
    ):
        assert "damaged" in complaint(console.check)
        assert "damaged" in complaint(lambda: console.put(whole[:64]))

    right = software.headers

    def other_latency(soc) -> dict[str, str]:
        texts = right(soc)
        name = "generated/sdram_phy.h"
        assert texts[name].count("address_write(0x20)") == 1
        return texts | {name: texts[name].replace("address_write(0x20)", "address_write(0x30)")}

    monkeypatch.setattr(software, "headers", other_latency)
    with (
        pinlevel.serving(hardware, 40_000_000, memory=whole) as port,
        Console(port, STOP) as console,
    ):
        assert "not a package" in complaint(console.check)
