# SPDX-License-Identifier: Apache-2.0
"""Random descriptors: any fields, or such that `psf_descriptor_check` takes them."""

import random

from golden.hardware import configuration as limits
from golden.hardware import isa
from golden.hardware.check import descriptor_fault
from golden.hardware.configuration import Hardware
from golden.hardware.interface import table


def random_value(rng: random.Random, old: int, bits: int) -> int:
    """A random, or rather a nasty, value for a field."""
    top = (1 << bits) - 1
    corner = rng.randrange(bits + 1)
    return rng.choice((
        rng.getrandbits(bits), rng.getrandbits(corner), 0, 1, top, top - 1, old + 1, old - 1,
        old * 2, old // 2, old ^ 1 << rng.randrange(bits), 1 << corner, (1 << corner) - 1,
    )) & top  # fmt: skip


def random_descriptor(rng: random.Random, hardware: Hardware, legal: bool) -> bytes:
    """A known opcode with random fields, mostly small; ``legal``: one that the check takes."""
    op = rng.choice((isa.OP_LOAD, isa.OP_LOAD, isa.OP_LAYER, isa.OP_LAYER, isa.OP_STORE))
    while True:
        sizes = {name: bits for name, (_, _, bits) in isa.FIELDS[op].items()}
        values = {n: random_value(rng, rng.randrange(8), bits) for n, bits in sizes.items()}
        if legal:
            values |= _plausible(rng, hardware, op)
        descriptor = isa.encode(op, "random", **values)
        if not legal or not descriptor_fault(hardware, descriptor)[0]:
            return descriptor


def _plausible(rng: random.Random, h: Hardware, op: int) -> dict[str, int]:
    """Fields that the check is most particular about."""
    if op == isa.OP_STORE:
        return dict(
            logits=rng.randint(1, h.classes),
            offset=rng.choice((0, rng.getrandbits(29) << 3)),
        )
    if op == isa.OP_LOAD:
        values = dict(
            target=rng.randrange(len(table.TARGETS.codes)), check=0,
            records=h.banks * rng.randrange(1, 9),
            unit_words=rng.randrange(1, h.line_words + 1), dest=rng.randrange(64),
            offset=rng.choice((rng.randrange(512) * 8, rng.getrandbits(29) << 3)),
        )  # fmt: skip
        width = rng.randrange(h.index_width + 1)
        in_banks = values["target"] in (isa.TARGET_WEIGHT, isa.TARGET_ROW)
        values |= dict(
            coded=int(in_banks and rng.random() < 0.5),
            index_bits=width, row_words=rng.randint(1, 1 << h.index_width - width),
            first_word=rng.choice((0, rng.randrange(h.bank_depth))),
        )  # fmt: skip
        return values | dict(wait_items=0 if rng.random() < 0.8 else rng.randrange(4))
    mode = rng.randrange(len(table.MODES.codes))
    values = dict(
        id=rng.randrange(limits.MAX_LAYERS), mode=mode, steps=rng.randrange(1, 5),
        width=rng.randrange(1, 9), height=rng.randrange(1, 9),
        in_lines=rng.randrange(1, 8), in_words=rng.randrange(1, 9),
        out_words=rng.randrange(1, h.acc_depth + 1), row_cost=rng.randrange(1, 4),
        shift=rng.randrange(limits.MAX_SHIFT + 1), out_lines=rng.randrange(1, 8),
        out_step=rng.randrange(h.acc_depth, 256), in_block=rng.randrange(3),
        out_block=rng.randrange(3), wait_loads=rng.choice((0, 0, 1, 2)),
    )  # fmt: skip
    if rng.random() < 0.4:
        window = rng.randrange(1, 3)
        values |= dict(window=window, in_block=rng.randint(window, 2), step_rows=0, merge=0,
                       repeat_drain=0, out_words=rng.randrange(1, 9))  # fmt: skip
    if mode == isa.MODE_SPIKE:
        values |= dict(charge=rng.choice((0, rng.getrandbits(16))))
    elif mode == isa.MODE_RESIDUAL:
        values |= dict(pool=0)
    elif mode == isa.MODE_HEAD:
        values |= dict(merge=1, tokens=rng.randint(1, h.classes))
        if rng.random() < 0.3:
            values |= dict(merge=0, steps=rng.randint(limits.MIN_PLANES, limits.SUM_BITS),
                           width=1, height=1, in_words=rng.randrange(2, 9),
                           stream_tokens=rng.randrange(1, 65), stream_stride=rng.randrange(65),
                           dump_base=rng.randrange(65), dump_step=rng.randrange(65))  # fmt: skip
    elif mode == isa.MODE_KEY_VALUE:
        m = rng.choice((1, 2, 4))
        values |= dict(
            head_words=m, head_lanes=rng.randrange(3), out_words=min(255, m * m * h.lanes),
            tokens=rng.randint(1, h.patch_lines), steps=1,
        )  # fmt: skip
    return values
