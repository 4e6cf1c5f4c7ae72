# SPDX-License-Identifier: Apache-2.0
"""Functional coverage of whole runs, collected by cocotb-coverage: what programs ask of the block.

Every layer and load that a run has completed is sampled with all fields of its descriptor, the
stalls of the memory and how the job came (CTRL.start or ring), every error with its descriptor.
``tb.lib.host`` calls :func:`sample` when an interrupt is cleared, while the environment's
PSF_FUNCTIONAL names a folder (``psf coverage --functional``), where a simulation leaves XML.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db, coverage_section

from golden.hardware import isa
from golden.hardware.configuration import MAX_LAYERS, MAX_SHIFT
from golden.hardware.interface import table
from golden.hardware.interface.kinds import Field
from tb.lib.parameters import PARAMETERS
from tb.lib.registers import DONE, ERROR

FOLDER = "PSF_FUNCTIONAL"
Range = tuple[int, int]  # first and last value of a bin
Fields = dict[str, int]  # of a descriptor
ANY = 1 << 32

MODES = {code.value: code.name.lower() for code in table.MODES.codes}
TARGETS = {code.value: code.name.lower() for code in table.TARGETS.codes}
CAUSES = {code.value: code.name.lower() for code in table.CAUSES.codes if code.value}
BINS: tuple[Range, ...] = ((0, 0), (1, 1), (2, 3), (4, 15), (16, 255), (256, ANY))

_SPIKE, _RESIDUAL, _KEY_VALUE, _HEAD = MODES.values()
_WRITING = (_SPIKE, _RESIDUAL)
_WEIGHT, _ROW, _LINES = (TARGETS[t] for t in (isa.TARGET_WEIGHT, isa.TARGET_ROW, isa.TARGET_SPIKE))
# Modes of the layers, targets of the loads in which a field says something, if not in all.
USED_IN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("kernel3", "merge", "repeat_drain", "window", "step_rows", "tap_rows", "mask_base",
         "mask_lines", "above", "below", "invert"), (*_WRITING, _HEAD)),
    **dict.fromkeys(("param_base", "out_lines", "out_base", "out_block", "images"), _WRITING),
    **dict.fromkeys(("pool", "charge", "out_row_lines", "out_clear"), (_SPIKE,)),
    **dict.fromkeys(("first", "shift"), (_RESIDUAL,)),
    **dict.fromkeys(("out_first", "out_step"), (*_WRITING, _HEAD)),
    "stream_stride": (_RESIDUAL, _HEAD),
    "stream_tokens": (_HEAD,),
    "tokens": (_KEY_VALUE, _HEAD),
    **dict.fromkeys(
        ("head_words", "head_lanes", "dump_block"), (_KEY_VALUE,)),
    **dict.fromkeys(("dump_base", "dump_step"), (_KEY_VALUE, _HEAD)),
    "unit_words": (_LINES,),
    "coded": (_WEIGHT, _ROW),
    "first_word": (_ROW,),
    **dict.fromkeys(("block", "index_bits", "row_words"), (_WEIGHT,)),
}  # fmt: skip
# Legal values (golden.hardware.check), if not all that the bits can hold, on the presets.
LEGAL: dict[str, Range] = {
    **dict.fromkeys(
        ("steps", "width", "height", "in_lines", "in_words", "out_words", "row_cost", "records",
         "out_lines", "tokens"), (1, ANY)),
    # Of the presets: words of a line, lanes and parameter words.
    "unit_words": (1, 8),
    "head_lanes": (0, 5),
    "param_base": (0, 255),
    "id": (0, MAX_LAYERS - 1),
    "shift": (0, MAX_SHIFT),
    "wait_items": (0, MAX_LAYERS + 1),
    "wait_previous": (0, MAX_LAYERS + 1),
    "head_words": (1, 4),
    **dict.fromkeys(("in_block", "out_block", "window"), (0, 2)),
}  # fmt: skip
# What no program can ask for: (field, mode or target, bin) -> why.
_NO_WINDOW = "merge takes every timestep on its own, and sums have no timesteps side by side"
_BEATS, _BANKS, _PAIRS = "whole beats", "rows and words of all banks, at least four", "pairs"
IMPOSSIBLE: dict[tuple[str, str, str], str] = {
    ("window", _HEAD, "1"): _NO_WINDOW,
    ("window", _HEAD, "2"): _NO_WINDOW,
    **{("offset", target, b): _BEATS for target in TARGETS.values() for b in ("1", "2..3")},
    **{("records", target, b): _BANKS for target in (_WEIGHT, _ROW) for b in ("1", "2..3")},
    ("records", TARGETS[isa.TARGET_LOGIT], "1"): _PAIRS,
}
# Data, and what the crosses are made of.
LEFT_OUT = {"mode", "target", "crc", *(f"codebook_{i}" for i in range(4))}
# Causes that name the descriptor of a load, or of a load or layer.
LOAD_CAUSES = ("read", "weight_crc", "read_window")
DESCRIPTOR_CAUSES = (*LOAD_CAUSES, "field", "overrun", "parity")
PACES, STARTS = ("no stalls", "stalls"), ("start", "ring")
PLACES = (*TARGETS.values(), *MODES.values())
MOST_DESCRIPTORS = 1024  # of a program, that are read back


@dataclass(frozen=True)
class Context:
    """Of a run. stalls: the memory holds back.  queued: in a ring.  hardware: groups x lanes."""

    stalls: bool
    queued: bool
    hardware: str


def label(bin_: Range) -> str:
    """How a bin is called."""
    first, last = bin_
    return str(first) if first == last else f"{first}.." + ("" if last == ANY else str(last))


def bins(field: Field) -> list[Range]:
    """Those of a descriptor field, within what is legal."""
    least, most = LEGAL.get(field.name, (0, ANY))
    most = min(most, ANY if field.bits > 8 else (1 << field.bits) - 1)
    cut = [(max(a, least), min(b, most)) for a, b in BINS]
    return [(a, b) for a, b in cut if a <= b]


def _points(kind: str, names: dict[int, str], fields: Iterable[Field]) -> list:
    """Points of a kind of descriptor (``layer``: mode, ``load``: target), crossed with its stalls.

    names: of the modes or targets.
    """
    which = "mode" if kind == "layer" else "target"
    out = [
        CoverPoint(f"{kind}.{which}", xf=lambda d, c: names[d[which]], bins=[*names.values()]),
        CoverPoint(f"{kind}.pace", xf=lambda d, c: _pace(c), bins=[*PACES]),
        CoverPoint(f"{kind}.start", xf=lambda d, c: _start(c), bins=[*STARTS]),
        CoverPoint(f"{kind}.hardware", xf=lambda d, c: c.hardware, bins=[*table.PRESETS]),
        CoverCross(f"{kind}.of", [f"{kind}.{x}" for x in (which, "pace", "start", "hardware")]),
    ]
    for field in fields:
        if field.name in LEFT_OUT:
            continue
        used, ranges = USED_IN.get(field.name, tuple(names.values())), bins(field)

        def value(d: Fields, c: Context, name: str = field.name, used: tuple = used) -> int:
            return d[name] if names[d[which]] in used else -1  # -1 lies in no bin

        out.append(
            CoverPoint(
                f"{kind}.field.{field.name}", xf=value, bins=ranges, rel=_within,
                bins_labels=[label(x) for x in ranges],
            )
        )  # fmt: skip
        never = [(name, None, None) for name in names.values() if name not in used]
        never += [(name, b, None) for f, name, b in IMPOSSIBLE if f == field.name]
        items = [f"{kind}.{which}", f"{kind}.field.{field.name}", f"{kind}.pace"]
        out.append(CoverCross(f"{kind}.cross.{field.name}", items, ign_bins=never))
    return out


def _pace(context: Context) -> str:
    return PACES[context.stalls]


def _start(context: Context) -> str:
    return STARTS[context.queued]


def _within(value: int, bin_: Range) -> bool:
    return bin_[0] <= value <= bin_[1]


def _errors() -> list:
    """Points of errors: their cause by place, stalls and start."""
    never = [(cause, None, None) for cause in CAUSES.values() if cause not in DESCRIPTOR_CAUSES]
    never += [(cause, mode, None) for cause in LOAD_CAUSES for mode in MODES.values()]
    return [
        CoverPoint("error.cause", xf=lambda cause, place, c: cause, bins=[*CAUSES.values()]),
        CoverPoint("error.place", xf=lambda cause, place, c: place, bins=[*PLACES]),
        CoverPoint("error.pace", xf=lambda cause, place, c: _pace(c), bins=[*PACES]),
        CoverPoint("error.start", xf=lambda cause, place, c: _start(c), bins=[*STARTS]),
        CoverCross("error.of", ["error.cause", "error.place", "error.pace"], ign_bins=never),
        CoverCross(
            "error.began", ["error.cause", "error.start", "error.pace"],
            ign_bins=[("image_crc", "start", None)],  # only entries of a ring have that CRC
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Samplers:
    """layer, load: (fields, context).  error: (cause, where, context)."""

    layer: Callable[[Fields, Context], None]
    load: Callable[[Fields, Context], None]
    error: Callable[[str, str, Context], None]


@cache
def samplers() -> Samplers:
    """All points, once a process."""
    kinds = {d.opcode: d.fields for d in table.DESCRIPTORS}
    sections = (
        _points("layer", MODES, kinds["LAYER"]), _points("load", TARGETS, kinds["LOAD"]), _errors(),
    )  # fmt: skip
    return Samplers(*(coverage_section(*section)(lambda *_: None) for section in sections))


def descriptors(program: bytes) -> list[tuple[int, Fields]]:
    """Opcode and fields up to the end, or to what is none."""
    out = []
    for descriptor in isa.cut(program):
        if descriptor[0] not in isa.FIELDS or descriptor[0] == isa.OP_END:
            break
        out.append(isa.decode(descriptor))
    return out


def completed(program: bytes, layers: int, loads: int, context: Context) -> None:
    """A run has completed so many layers and loads of ``program``."""
    done = {isa.OP_LAYER: layers, isa.OP_LOAD: loads}
    ask = {isa.OP_LAYER: samplers().layer, isa.OP_LOAD: samplers().load}
    for op, fields in descriptors(program):
        if done.get(op):
            done[op] -= 1
            ask[op](fields, context)


def failed(program: bytes, cause: int, index: int, context: Context) -> None:
    """A run has stopped at descriptor ``index`` of ``program``."""
    op, fields, place = -1, {}, ""
    found = isa.cut(program)[index : index + 1]
    if found and found[0][0] in isa.FIELDS:
        op, fields = isa.decode(found[0])
    if op == isa.OP_LAYER:
        place = MODES[fields["mode"]]
    elif op == isa.OP_LOAD:
        place = TARGETS.get(fields["target"], "")
    samplers().error(CAUSES[cause], place, context)


@cache
def keep(folder: str) -> None:
    """Write what was collected to ``folder`` when this process ends."""
    samplers()
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / f"{os.getpid()}-{time.time_ns()}.xml"
    atexit.register(lambda: coverage_db.export_to_xml(str(path)))


async def sample(host: Any, program: bytes | None = None) -> None:
    """Of the run of a ``tb.lib.host.Host`` that has ended; its ``program``, None: read it back."""
    folder = os.environ.get(FOLDER) if "MemoryBits" in PARAMETERS else None  # not psf_tb_top
    status = await host.read("STATUS") if folder else 0
    if not folder or not status & (DONE | ERROR):
        return
    keep(folder)
    if program is None:
        base = (await host.read_address("PROGRAM_BASE") - host.origin) % (1 << host.addr_width)
        size = isa.DESCRIPTOR_BYTES * min(await host.read("PROGRAM_COUNT"), MOST_DESCRIPTORS)
        room = (8 << PARAMETERS["MemoryBits"]) - base
        program = await host.dump(base, min(size, room)) if min(size, room) > 0 else b""
    hardware = f"{PARAMETERS['Groups']}x{PARAMETERS['Lanes']}"
    context = Context(host.stalls > 0, host.queued, hardware)
    completed(program, await host.read("LAYERS"), await host.read("LOADS"), context)
    if status & ERROR:
        cause, index = await host.read("ERROR_CAUSE"), await host.read("ERROR_INDEX")
        failed(program, cause, index, context)
