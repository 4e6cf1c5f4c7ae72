# SPDX-License-Identifier: Apache-2.0
"""A timeline of an inference on the RTL as a Chrome trace-event file: one sees the idle cycles.

``psf timeline`` writes it. Open the file in https://ui.perfetto.dev or chrome://tracing; 1 cycle is
1 us there. Cycle 0 is that of the host's write to CTRL.start, as in the register CYCLES.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.contract.network import QuantNetwork
from golden.contract.paths import BUILD
from golden.hardware import isa
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.measure.sim import RunOptions, measure

OUTPUT = BUILD / "timeline.json"
HEADER, END = 254, 255  # tracks of timeline.bin that are none
CONTROL = ("layer", "job", "interrupt", "loader", "read", "store")
# States of a group, as the one-hot bits 5:1 of its event_o, by the names of the counters.
GROUP_STATES = {1: "row_adds", 2: "bank", 4: "fetch", 8: "drain", 16: "idle"}
TITLES = {"row_adds": "computing", "bank": "waits for a bank", "fetch": "waits for spikes",
          "drain": "waits for the drain", "idle": "no token"}  # fmt: skip
START = 2  # cycles from the host's write to the first one in which the accelerator is busy


@dataclass(frozen=True)
class Interval:
    """One state of one track: cycles ``start`` to ``end`` - 1.

    ``track`` is one of CONTROL (``index`` 0), ``group``, ``drain`` (``index``: group) or ``bank``.
    ``state`` is never 0, which stands for nothing to see: layer id + 1; 1 for job, interrupt and
    store; descriptor + 1 for the loader; read DMA 1 waiting, 2 a beat; a group's bit of
    GROUP_STATES; drain 1 a word, 2 waiting; bank 1 waiting, 2 + group that it reads for.
    """

    track: str
    index: int
    state: int
    start: int
    end: int


def events_of(path: Path) -> list[Interval]:
    """Intervals of a timeline.bin (tb/harness/psf_timeline.sv), by track, then by start.

    Cycles count from the host's write to CTRL.start that the first job follows.
    """
    data = np.fromfile(path, "<u4").reshape(-1, 2).astype(np.int64)
    track, state, cycle = data[:, 1] >> 16, data[:, 1] & 0xFFFF, data[:, 0]
    if not len(data) or track[0] != HEADER or track[-1] != END:
        raise ValueError(f"{path} is no whole timeline")
    groups, banks = int(state[0]) >> 8, int(state[0]) & 0xFF
    names = [(name, 0) for name in CONTROL]
    names += [("group", g) for g in range(groups)] + [("drain", g) for g in range(groups)]
    names += [("bank", b) for b in range(banks)]
    busy = np.flatnonzero((track == CONTROL.index("job")) & (state != 0))
    zero = int(cycle[busy[0]]) - START if len(busy) else 0
    out = []
    for i, (name, index) in enumerate(names):
        rows = np.flatnonzero(track == i)
        ends = np.append(cycle[rows[1:]], cycle[-1])
        out += [
            Interval(name, index, int(state[row]), int(cycle[row]) - zero, int(end) - zero)
            for row, end in zip(rows, ends, strict=True)
            if state[row]
        ]
    return out


def shares(intervals: Iterable[Interval]) -> dict[int, dict[str, int]]:
    """Group-cycles per layer id and state; they are what the performance counters count."""
    intervals = list(intervals)
    layers = [i for i in intervals if i.track == "layer"]
    starts = [i.start for i in layers]
    out: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(GROUP_STATES.values(), 0))
    for i in intervals:
        if i.track == "group":
            layer = layers[bisect_right(starts, i.start) - 1]
            out[layer.state - 1][GROUP_STATES[i.state]] += i.end - i.start
    return dict(out)


def load_names(program: Program) -> dict[int, str]:
    """Names of the loads by the index of their descriptor."""
    names, loads = {}, iter(program.loads)
    for index, descriptor in enumerate(isa.cut(program.program)):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_LOAD:
            names[index] = "image" if fields["from_image"] else next(loads)["name"]
    return names


def _title(i: Interval, layers: Sequence[str], loads: dict[int, str]) -> str:
    match i.track:
        case "layer":
            return layers[i.state - 1]
        case "loader":
            return loads[i.state - 1]
        case "group":
            return TITLES[GROUP_STATES[i.state]]
        case "read":
            return {1: "waits for data", 2: "data"}[i.state]
        case "drain":
            return {1: "drains", 2: "waits"}[i.state]
        case "bank":
            return "waits" if i.state == 1 else f"reads for group {i.state - 2}"
    return i.track


PROCESSES = {"control": CONTROL, "groups": ("group",), "drains": ("drain",), "banks": ("bank",)}


def trace_events(
    intervals: Sequence[Interval], layers: Sequence[str], loads: dict[int, str]
) -> list[dict]:
    """Complete events ("X") and the names of their processes and threads as metadata ("M").

    Format: "Trace Event Format", Chromium project. ``ts`` and ``dur`` are cycles. Read DMA and
    loader are tracks of the control process, as are layers, job, interrupt and result store.
    """
    pids = {track: pid for pid, tracks in enumerate(PROCESSES.values(), 1) for track in tracks}
    out = [_metadata("process_name", pid, 0, name=n) for pid, n in enumerate(PROCESSES, 1)]
    tids = {}
    for track, index in dict.fromkeys((i.track, i.index) for i in intervals):
        single = track in CONTROL
        tid = CONTROL.index(track) + 1 if single else index + 1
        tids[track, index] = tid
        name = track if single else f"{track} {index}"
        out.append(_metadata("thread_name", pids[track], tid, name=name))
        out.append(_metadata("thread_sort_index", pids[track], tid, sort_index=tid))
    running = [i for i in intervals if i.track == "layer"]
    starts = [i.start for i in running]
    for i in intervals:
        event = {
            "name": _title(i, layers, loads),
            "cat": i.track,
            "ph": "X",
            "ts": i.start,
            "dur": i.end - i.start,
            "pid": pids[i.track],
            "tid": tids[i.track, i.index],
        }
        if i.track == "group":
            layer = running[bisect_right(starts, i.start) - 1]
            event["args"] = {"layer": layers[layer.state - 1]}
        out.append(event)
    return out


def _metadata(name: str, pid: int, tid: int, /, **args) -> dict:
    return {"name": name, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": args}


def write(path: Path, events: list[dict], **about) -> Path:
    """A trace-event file, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w") as file:
        json.dump({"traceEvents": events, "displayTimeUnit": "ns", "otherData": about}, file,
                  separators=(",", ":"))  # fmt: skip
    return path


def summary(per_layer: dict[int, dict[str, int]], available: int) -> str:
    """What share of ``available`` group-cycles each state takes; the rest runs no layer."""
    total = {s: sum(layer[s] for layer in per_layer.values()) for s in GROUP_STATES.values()}
    rest = available - sum(total.values())
    parts = [f"{TITLES[s]} {100 * n / available:.1f} %" for s, n in total.items()]
    return ", ".join([*parts, f"between layers {100 * rest / available:.1f} %"])


def record(checkpoint: Path, options: RunOptions, output: Path = OUTPUT) -> int:
    """Run, write the file, say where the group cycles go; the exit status."""
    if output.is_dir() or output.suffix != ".json":
        raise UserError(f"--output {output} must be the name of a .json file")
    console = Console()
    hardware = Hardware.named(options.config)
    figures = measure(checkpoint, options, monitors=("timeline",))
    program = compile_network(QuantNetwork.load(checkpoint), hardware)
    layers, at, everything = [c.name for c in program.layers], 0, []
    for number, image in enumerate(figures["per_image"]):
        intervals = events_of(Path(figures["folder"]) / f"timeline-{number}.bin")
        line = summary(shares(intervals), hardware.groups * image["cycles"])
        console.print(f"image {number}: {image['cycles']:,} cycles x {hardware.groups} groups: "
                      f"{line}", highlight=False, soft_wrap=True)  # fmt: skip
        everything += [replace(i, start=i.start + at, end=i.end + at) for i in intervals]
        at = max(i.end for i in everything)
    events = trace_events(everything, layers, load_names(program))
    path = write(output, events, hardware=hardware.name, checkpoint=str(checkpoint), unit="cycles")
    console.print(f"timeline: {path} ({len(events):,} events; open it in ui.perfetto.dev)",
                  highlight=False, soft_wrap=True)  # fmt: skip
    return 1 if figures["mismatches"] else 0
