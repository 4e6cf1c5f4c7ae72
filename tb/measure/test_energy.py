# SPDX-License-Identifier: Apache-2.0
"""tb.measure.energy: averages, sums and the file, on counts that are known; the user's mistakes."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from golden.cli.main import main
from golden.contract.energy.synaptic import synaptic_layers
from golden.contract.energy.technology import NM28, NM45
from golden.contract.model import forward
from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from golden.hardware.energy.accelerator import PRICED
from tb.measure import energy, events
from tb.system.run import SMALL

HARDWARE = Hardware.named("2x8")
NAMES = ["a", "b"]


@pytest.fixture
def figures(tmp_path):
    """Two images: the events of records that say 1000 * layer + 10 * event + image."""
    for image in range(2):
        rows = [
            [tag, *(1000 * tag + 10 * e + image for e in range(len(events.EVENTS)))]
            for tag in (0, 1, events.NO_LAYER)
        ]
        np.array(rows, "<u4").tofile(tmp_path / f"events-{image}.bin")
    layers = [{"name": n, "useful": 40.0} for n in NAMES]
    return {"images": 2, "folder": str(tmp_path), "layers": layers, "cycles_per_image": 1000.0}


def test_every_event_has_a_price_or_a_reason():
    """A new event of the monitor has to be thought about here."""
    free = {"cycles", "row_adds", "drained"}  # their accesses are counted one by one
    free |= {"spike_writes", "read_bursts", "write_bursts"}  # paid by the word, by the byte
    assert free | set(PRICED) == set(events.EVENTS) and not free & set(PRICED)


def test_counted(figures):
    counts = energy.counted(figures)
    adds = 10 * events.EVENTS.index("adds")
    assert counts["a"]["adds"] == 2 * adds + 1
    assert counts["b"]["adds"] == 2000 + 2 * adds + 1
    read = 10 * events.EVENTS.index("read_bytes")
    assert counts["loads"]["read_bytes"] == 2 * (1000 * 256 + 3 * read) + 3
    assert "read_bytes" not in counts["a"] and "adds" not in counts["loads"]


def test_summarise(figures):
    """100 adds and 1 kB in two images are 50 adds and 4,000 bits per image; 80 would be useful."""
    counts = {"a": {"adds": 60}, "b": {"adds": 40}, "loads": {"read_bytes": 1000}}
    got = energy.summarise(figures, counts, HARDWARE)
    for technology in (NM45, NM28):
        mine = got[technology.name]
        assert mine["components"]["adds"] == pytest.approx(50 * technology.add(20))
        assert mine["components"]["DRAM"] == pytest.approx(4000 * technology.dram_bit)
        assert mine["on_chip"] == pytest.approx(50 * technology.add(20))
        assert mine["total"] == pytest.approx(mine["on_chip"] + 4000 * technology.dram_bit)
        assert mine["on_chip_per_add"] == pytest.approx(technology.add(20) * 50 / 80)
        # 1,000 cycles at 500 MHz are 2 us; pJ / us = uW.
        assert mine["milliwatt_at_500_mhz"] == pytest.approx(mine["on_chip"] / 2 / 1000)
        assert mine["layers"]["b"]["adds"] == pytest.approx(20 * technology.add(20))


def test_synaptic_is_the_average():
    network, images = random_network(SMALL, 3), random_images(SMALL, 2, 3)
    got = energy.synaptic(network, images)
    trace = forward(network, images)
    each = [synaptic_layers(network, images, trace, i) for i in range(2)]
    assert got["total"] == pytest.approx(sum(x.energy for one in each for x in one) / 2)
    for x, y in zip(*each, strict=True):
        mine = got["layers"][x.name]
        assert mine["operations"] == pytest.approx((x.operations + y.operations) / 2)
        assert mine["rate"] == (None if x.rate is None else pytest.approx((x.rate + y.rate) / 2))


def test_show(figures, capsys):
    counts = {"a": {"adds": 100}, "loads": {"read_bytes": 1000}}
    out = {"hardware": "2x8", "images": 2, "useful_adds": 50.0,
           "technologies": energy.summarise(figures, counts, HARDWARE),
           "synaptic": {"total": 5000.0}}  # fmt: skip
    energy.show(Console(width=100), out)
    text = capsys.readouterr().out
    assert "5.0 nJ; 0.9 pJ for each of the 50 useful adds: 0.0 nJ" in text
    assert "45 nm: nJ" in text and "DRAM" in text


KINDS = {
    "image": {},
    "encoder": {"encoder_channels": 2},
    "mean of the stream": {"head": "avgpool_fc"},
    "events": {"in_channels": 2, "input_timesteps": SMALL.timesteps, "input_bits": 1},
    "event counts": {"in_channels": 2, "input_timesteps": SMALL.timesteps, "input_bits": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network(kind, figures, tmp_path, monkeypatch, capsys):
    """Behind the run on the RTL, which is made up here: theory and peers of what the network is."""
    network = random_network(dataclasses.replace(SMALL, **KINDS[kind]), 3)
    network.save(tmp_path / "network.safetensors")
    images = random_images(network.config, 2, 3)
    written = {}
    monkeypatch.setattr(energy, "measure", lambda *_args, **_more: figures | {"mismatches": 0})
    monkeypatch.setattr(energy, "test_images", lambda *_args: (images, None))
    monkeypatch.setattr(energy.report, "write", lambda name, out: written.update({name: out}))
    options = energy.RunOptions(2, "2x8")
    assert energy.count_energy(tmp_path / "network.safetensors", options) == 0
    out, text = written["energy"], capsys.readouterr().out
    assert ("no peers" in text) == (kind == "mean of the stream") == (not out["peers"])
    layers = out["synaptic"]["layers"]
    first = layers["tokenizer.0"]
    assert (first["rate"] is None) == (kind not in ("events", "encoder"))
    times = SMALL.timesteps if kind == "event counts" else 1
    if first["rate"] is None:
        assert first["operations"] == times * first["flops"]
    else:
        assert first["operations"] == pytest.approx(
            SMALL.timesteps * first["rate"] * first["flops"]
        )
    assert ("encoder" in layers) == (kind == "encoder")
    assert (layers["head"]["rate"] is None) == (kind == "mean of the stream")


@pytest.mark.parametrize(
    "line, message",
    [("--images 0", "--images is 0, it must be"), ("--config wide", "'wide' is not known"),
     ("--checkpoint /nowhere.safetensors", "does not exist")],
)  # fmt: skip
def test_mistakes(line, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["energy", *line.split()])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and message in error and error.count("\n") == 1
