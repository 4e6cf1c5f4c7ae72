# SPDX-License-Identifier: Apache-2.0
"""Which on-chip addresses a layer reaches for certain, whatever fires: the fuzzer's oracle.

Row-table and weight addresses depend on the spikes and are left out. `rows_overrun` says whether
the row table of a load points beyond the weight memory.
"""

import numpy as np

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from golden.hardware.execute.decode import row_entries
from golden.hardware.execute.emulator import word_place
from tb.lib.races import rows

MAX_ROW_SHIFT = 7  # of a row-table entry, whose field has a bit more


def overruns(h: Hardware, f: dict[str, int]) -> str | None:
    """What a layer with fields ``f`` reaches beyond the end of a memory; None if nothing."""
    reached = _key_value(h, f) if f["mode"] == isa.MODE_KEY_VALUE else {"spike line": _last_read(f)}
    if f["mode"] == isa.MODE_HEAD:
        reached["logit"] = _last_word(f) * h.lanes
        if not f["merge"] and not f["out_first"]:
            word = word_place(f, "in", f["steps"] - 1, f["in_words"] - 1)
            reached["written line"] = f["in_base"] + word // h.line_words
            turns = (f["dump_step"] % h.groups + f["stream_tokens"] - 1) // h.groups
            row = f["dump_base"] + turns * f["stream_stride"]
            reached["stream word"] = row + max(f["in_words"] - 2, f["stream_stride"] - 1)
    if f["mode"] in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
        reached |= _written(h, f)
    depth = {
        "spike line": h.spike_lines,
        "written line": h.spike_lines,
        "cleared line": h.spike_lines,
        "parameter": h.param_depth,
        "stream word": h.stream_depth,
        "weight word": h.bank_depth,
        "accumulator": h.acc_depth,
        "logit": h.classes,
    }
    for what, last in reached.items():
        if last >= depth[what]:
            return f"{what} {last} of {depth[what]}"
    return None


def rows_overrun(h: Hardware, f: dict[str, int], data: bytes) -> bool:
    """Has an entry of the row table ``data``, of a load with fields ``f``, an illegal row?"""
    if f["coded"]:
        entries = row_entries(data, f, h)
    else:
        entries = np.frombuffer(data, "<u4", f["records"]).astype(np.int64)
    first, length, shift = entries & 0xFFFF, entries >> 16 & 0xFF, entries >> 24 & 0xF
    return bool(((length == 0) | (first + length > h.bank_depth) | (shift > MAX_ROW_SHIFT)).any())


def _last_read(f: dict[str, int]) -> int:
    """Pixels lie one after the other; rows matter for what is below a pixel only."""
    last = (f["width"] * rows(f) - 1) * f["in_lines"]
    if f["kernel3"] and f["height"] > 1:
        above = (f["width"] * (rows(f) - 1) - 1) * f["in_lines"]
        last = max(last, above + f["in_row_lines"])
    return f["in_base"] + last + f["in_lines"] - 1


def _last_word(f: dict[str, int]) -> int:
    steps = 1 if f["merge"] else f["steps"]
    return (steps - 1) * f["out_step"] + f["out_first"] + f["out_words"] - 1


def _written(h: Hardware, f: dict[str, int]) -> dict[str, int]:
    tokens, word = f["width"] * rows(f), _last_word(f)
    at = word_place(f, "out", 0 if f["merge"] else f["steps"] - 1, f["out_words"] - 1)
    out = {"parameter": f["param_base"] + f["out_words"] - 1}
    if f["pool"]:
        y = (f["images"] + 1) * ((f["height"] + 1) // 2) - 1
        x = (f["width"] - 1) // 2
        line = y * f["out_row_lines"] + x * f["out_lines"]
        if f["out_clear"]:
            out["cleared line"] = f["out_base"] + f["out_clear"] - 1
    else:
        line = ((tokens << f["pair"]) - 1) * f["out_lines"]
    out["written line"] = f["out_base"] + line + at // h.line_words
    if f["mode"] == isa.MODE_RESIDUAL:
        out["stream word"] = (tokens - 1) // h.groups * f["stream_stride"] + word
    return out


def _key_value(h: Hardware, f: dict[str, int]) -> dict[str, int]:
    m, blocks, steps = f["head_words"], f["height"], f["width"]
    word = word_place(f, "in", steps - 1, (blocks - 1) * 2 * m)
    dump = f["dump_base"] + (steps - 1) * f["dump_step"] + (blocks - 1) * f["dump_block"]
    return {
        "spike line": f["in_base"] + (f["tokens"] - 1) * f["in_lines"] + word // h.line_words,
        "weight word": dump + (m * h.lanes - 1) // h.banks * m + m - 1,
        "accumulator": (blocks - 1) * m + m - 1,
    }
