# SPDX-License-Identifier: Apache-2.0
"""Layers whose result depends on the order in which groups take tokens: the fuzzer's oracle.

docs/reference/formats.md defines a layer only if no word has two writers or a reader beside its
writer. The check of descriptors does not look: that takes the addresses of all tokens.
"""

import numpy as np

from golden.hardware import isa
from golden.hardware.check import addresses
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import word_place

MOST = 1 << 20  # words of a layer: no memory has so many, so one of them is beyond its end


def race(h: Hardware, f: dict[str, int]) -> str | None:
    """Which words of a layer with fields ``f`` more than one token wants; None if there are none.

    A layer of more than ``MOST`` words is said to race, too.
    """
    if f["mode"] == isa.MODE_HEAD:
        return None  # additions commute, and what is read is not written by a token
    tokens, words = rows(f) * f["width"], f["in_words"] + f["out_words"]
    if tokens * 9 * f["steps"] * words > MOST:
        return "more words than there are"
    if f["mode"] == isa.MODE_KEY_VALUE:
        length = f["head_words"] ** 2 * h.lanes // h.banks
        u, t = np.indices((f["height"], f["width"]))
        dumps = u * f["dump_block"] + t * f["dump_step"]
        return "weight words" if _shared(dumps.ravel(), np.arange(length)) else None
    steps = f["steps"] if f["repeat_drain"] or not f["merge"] else 1
    if f["mode"] == isa.MODE_RESIDUAL:
        used = np.arange(steps)[:, None] * f["out_step"] + np.arange(f["out_words"])
        if _shared(np.arange(-(-tokens // h.groups)) * f["stream_stride"], used):
            return "residual words"
    pixels, places = _written(h, f, steps)
    if not f["pool"] and _shared(pixels * h.line_words, places):
        return "written words"
    written = (pixels[:, None] * h.line_words + places.ravel()).ravel()
    if f["pool"]:
        cleared = np.arange(f["out_clear"] * h.line_words) + f["out_base"] * h.line_words
        written = np.concatenate([written, cleared])
    return "words that are read" if np.isin(_read(h, f), written).any() else None


def meets(h: Hardware, load: dict[str, int], f: dict[str, int]) -> bool:
    """May a load and a layer with fields ``f`` write to the same place?"""
    first, mode = load["dest"], f["mode"]
    end = first + addresses(h, load)
    if load["target"] == isa.TARGET_LOGIT:
        return mode == isa.MODE_HEAD
    if load["target"] == isa.TARGET_WEIGHT and mode == isa.MODE_KEY_VALUE:
        last = (f["height"] - 1) * f["dump_block"] + (f["width"] - 1) * f["dump_step"]
        last += f["head_words"] ** 2 * h.lanes // h.banks
        return first < f["dump_base"] + last and f["dump_base"] < end
    if load["target"] != isa.TARGET_SPIKE:
        return False
    written = _written_lines(h, f)
    return bool(((written >= first) & (written < end)).any())


def rows(f: dict[str, int]) -> int:
    """Rows of all images."""
    return (f["images"] + 1) * f["height"]


def _written_lines(h: Hardware, f: dict[str, int]) -> np.ndarray:
    """Lines of the spike memory that a layer writes or clears."""
    if f["mode"] in (isa.MODE_KEY_VALUE, isa.MODE_HEAD):
        averages = f["mode"] == isa.MODE_HEAD and not f["merge"] and not f["out_first"]
        last = word_place(f, "in", f["steps"] - 1, f["in_words"] - 1) // h.line_words
        return f["in_base"] + np.arange(last + 1 if averages else 0)
    pixels, places = _written(h, f, f["steps"])
    written = (pixels[:, None] + places.ravel() // h.line_words).ravel()
    cleared = f["out_base"] + np.arange(f["out_clear"] if f["pool"] else 0)
    return np.concatenate([written, cleared])


def _shared(starts: np.ndarray, offsets: np.ndarray) -> bool:
    """Do two of ``starts`` meet at one of ``offsets``, which differ?"""
    found = (starts[:, None] + offsets.ravel()).ravel()
    return len(np.unique(found)) < len(found)


def _written(h: Hardware, f: dict[str, int], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """First lines of the written pixels, one per token (all of a pool), and words in a pixel."""
    places = [[word_place(f, "out", t, j) for j in range(f["out_words"])] for t in range(steps)]
    if not f["pool"]:
        lines = np.arange(f["width"] * rows(f) << f["pair"]) * f["out_lines"]
    else:
        high = (f["images"] + 1) * ((f["height"] + 1) // 2)
        y, x = np.indices((high, (f["width"] + 1) // 2))
        lines = (y * f["out_row_lines"] + x * f["out_lines"]).ravel()
    return f["out_base"] + lines, np.array(places)


def _read(h: Hardware, f: dict[str, int]) -> np.ndarray:
    """Words that are scanned."""
    steps = 1 if f["repeat_drain"] else f["steps"]
    places = [word_place(f, "in", t, j) for t in range(steps) for j in range(f["in_words"])]
    row, x = np.indices((rows(f), f["width"]))
    y, lines = row % f["height"], []
    for dy in (-1, 0, 1) if f["kernel3"] else (0,):
        for dx in (-1, 0, 1) if f["kernel3"] else (0,):
            inside = (y + dy >= 0) & (y + dy < f["height"]) & (x + dx >= 0) & (x + dx < f["width"])
            line = (row * f["width"] + x + dx) * f["in_lines"] + dy * f["in_row_lines"]
            lines.append(line[inside])
    first = (f["in_base"] + np.unique(np.concatenate(lines))) * h.line_words
    return (first[:, None] + np.array(places)).ravel()
