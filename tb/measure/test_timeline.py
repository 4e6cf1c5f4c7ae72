# SPDX-License-Identifier: Apache-2.0
"""The timeline agrees, cycle by cycle, with the counters of the RTL and with the event monitor."""

import json
import os
import secrets
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from golden.cli.main import main
from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib.host import COUNTERS
from tb.lib.networks import seeing_network
from tb.measure import events, timeline
from tb.system.run import SMALL, run_system

CASES = {
    "2x8-stalls": ("2x8", replace(SMALL, timesteps=3), 30, 9),
    "4x16": ("4x16", replace(SMALL, dim=64, heads=4, mlp_ratio=4), 0, 20),
}


@pytest.fixture(scope="module", params=CASES)
def inference(request):
    """(program, results, intervals, events) of one image."""
    name, config, stalls, latency = CASES[request.param]
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={seed}")
    hardware = Hardware.named(name)
    network = seeing_network(config, seed, "balanced", lanes=hardware.lanes)
    results = run_system(network, hardware, random_images(config, 1, seed), seed=seed, waves=False,
                         sim="verilator", stalls=stalls, latency=latency,
                         monitors=("events", "timeline"))  # fmt: skip
    assert results["mismatches"] == 0, f"SEED={seed}"
    program, folder = compile_network(network, hardware), Path(results["folder"])
    counts = events.read(folder / "events-0.bin", [c.name for c in program.layers])
    return program, results, timeline.events_of(folder / "timeline-0.bin"), counts


def track(intervals, name, index=0):
    return [i for i in intervals if (i.track, i.index) == (name, index)]


def cycles(intervals, state=None):
    return sum(i.end - i.start for i in intervals if state in (None, i.state))


def test_shares_are_the_counters(inference):
    _, results, intervals, _ = inference
    shares = timeline.shares(intervals)
    for index, layer in enumerate(results["layers"]):
        want = {name: layer[name] for name in timeline.GROUP_STATES.values()}
        assert shares[index] == want, layer["name"]
    assert set(timeline.GROUP_STATES.values()) < set(COUNTERS)


def test_layers(inference):
    """A layer lasts as long as its counter says, and the gaps are the counters', too."""
    program, results, intervals, _ = inference
    layers = track(intervals, "layer")
    assert [i.state - 1 for i in layers] == [c.id for c in program.layers]
    for i, counters in zip(layers, results["layers"], strict=True):
        assert i.end - i.start == counters["cycles"]
    for (before, after), counters in zip(pairwise(layers), results["layers"][1:], strict=True):
        assert after.start - before.end == counters["gap"]
    assert 0 <= layers[0].start - results["layers"][0]["gap"] <= 4  # counted from the run's start


def test_job_and_interrupt(inference):
    """The interrupt rises in the cycle that the register CYCLES names."""
    _, results, intervals, _ = inference
    (job,), (interrupt, *_) = track(intervals, "job"), track(intervals, "interrupt")
    total = results["images"][0]["cycles"]
    assert job.start == timeline.START and interrupt.start == total
    assert 0 <= total - job.end <= 1
    (store,) = track(intervals, "store")
    assert max(i.end for i in track(intervals, "layer")) <= store.start < store.end <= total


def test_memories(inference):
    """Loader, read DMA, drains and banks are busy as often as the events say."""
    program, _, intervals, counts = inference
    names = timeline.load_names(program)
    assert [i.state - 1 for i in track(intervals, "loader")] == sorted(names)
    total = events.total(counts)
    assert 8 * cycles(track(intervals, "read"), 2) == total["read_bytes"]
    groups, banks = range(program.hardware.groups), range(program.hardware.banks)
    drained = sum(cycles(track(intervals, "drain", g), 1) for g in groups)
    assert drained == total["drained"]
    reads = sum(cycles(track(intervals, "bank", b), 2 + g) for b in banks for g in groups)
    assert reads == total["weight_reads"]
    for g in groups:
        of_group = sum(cycles(track(intervals, "bank", b), 2 + g) for b in banks)
        assert of_group > 0


def test_load_names(inference):
    program, _, _, _ = inference
    names = timeline.load_names(program)
    ops = [isa.decode(d)[0] for d in isa.cut(program.program)]
    assert sorted(names) == [i for i, op in enumerate(ops) if op == isa.OP_LOAD]
    assert list(names.values()).count("image") == 1 and "tokenizer.0 weights" in names.values()


def test_file(inference, tmp_path):
    """Trace-event format: the keys that complete and metadata events need, named tracks, no
    overlap of events on one thread."""
    program, _, intervals, _ = inference
    layers = [c.name for c in program.layers]
    made = timeline.trace_events(intervals, layers, timeline.load_names(program))
    path = timeline.write(tmp_path / "new" / "timeline.json", made, config="x")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    content = json.loads(path.read_text())
    assert content["otherData"] == {"config": "x"}
    named, threads = set(), {}
    for event in content["traceEvents"]:
        assert {"name", "ph", "ts", "pid", "tid"} <= event.keys()
        assert event["ph"] in "XM" and isinstance(event["name"], str)
        if event["ph"] == "M":
            assert event["args"], event
            if event["name"] == "thread_name":
                named.add((event["pid"], event["tid"]))
        else:
            assert event["dur"] > 0 and isinstance(event["ts"], int) and event["ts"] >= -2
            threads.setdefault((event["pid"], event["tid"]), []).append(event)
    assert threads.keys() == named
    hardware = program.hardware
    assert len(named) == len(timeline.CONTROL) + 2 * hardware.groups + hardware.banks
    for mine in threads.values():
        assert all(a["ts"] + a["dur"] <= b["ts"] for a, b in pairwise(mine))
    by_layer = {e["args"]["layer"] for e in content["traceEvents"] if e.get("cat") == "group"}
    assert by_layer == set(layers)


def test_summary():
    """100 group-cycles: 40 computing, 10 bank, 0 fetch, 20 drain, 5 idle, the rest no layer's."""
    layer = {"row_adds": 40, "bank": 10, "fetch": 0, "drain": 20, "idle": 5}
    text = timeline.summary({0: layer}, 100)
    assert text == (
        "computing 40.0 %, waits for a bank 10.0 %, waits for spikes 0.0 %, waits for the drain "
        "20.0 %, no token 5.0 %, between layers 25.0 %"
    )


def test_broken_file(tmp_path):
    np.array([5, 254 << 16 | 0x0204], "<u4").tofile(tmp_path / "timeline.bin")
    with pytest.raises(ValueError, match="no whole timeline"):
        timeline.events_of(tmp_path / "timeline.bin")


def test_mistakes(capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["timeline", "--output", str(tmp_path)])
    assert ended.value.code == 2 and "must end in .json" in capsys.readouterr().err
