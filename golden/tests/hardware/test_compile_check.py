# SPDX-License-Identifier: Apache-2.0
"""What the hardware refuses before it executes anything: every rule broken once."""

import json
import struct
from dataclasses import replace

import pytest

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import (  # fmt: skip
    HardwareStop,
    capabilities,
    check_program,
    descriptor_fault,
    first_fault,
    from_capabilities,
    image_crc,
    load_bytes,
)
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.execute.emulator import Emulator

HARDWARE = Hardware.named("4x16")  # bank 1024, row 1024, param 128, spike 2048, acc 16, patch 64
CONFIG = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, mlp_ratio=2, classes=10
)

LOAD = dict(target=isa.TARGET_PARAM, records=1)
LAYER = dict(
    steps=1, width=1, height=1, in_lines=1, in_words=1, out_words=1, row_cost=1, out_lines=1,
    out_step=1,
)  # fmt: skip
RESIDUAL = LAYER | dict(mode=isa.MODE_RESIDUAL)
HEAD = LAYER | dict(mode=isa.MODE_HEAD, merge=1, tokens=1)
SUMS = HEAD | dict(merge=0, steps=32, in_words=2, stream_tokens=1)
KEY_VALUE = LAYER | dict(
    mode=isa.MODE_KEY_VALUE, head_words=1, out_words=16, tokens=64, in_lines=255, head_lanes=4
)
STORE = dict(logits=1)
ROOM = dict(target=isa.TARGET_ROW, records=8)
WORDS = dict(target=isa.TARGET_WEIGHT, records=8, coded=1, index_bits=4)


def legal(base, **changes):
    return base, changes, isa.ERROR_NONE


def field(base, **changes):
    return base, changes, isa.ERROR_FIELD


def overrun(base, **changes):
    return base, changes, isa.ERROR_OVERRUN


CASES = [
    *(legal(x) for x in (LOAD, LAYER, RESIDUAL, HEAD, KEY_VALUE, STORE)),
    field(LOAD, target=6), field(LOAD, target=15), field(LOAD, records=0),
    field(LOAD, offset=4), legal(LOAD, offset=0xFFFFFFF8),
    legal(ROOM), field(ROOM, records=7), field(ROOM, records=12), field(ROOM, target=0, records=4),
    legal(LOAD, target=isa.TARGET_LOGIT, records=2), field(LOAD, target=isa.TARGET_LOGIT),
    legal(LOAD, target=isa.TARGET_SPIKE, unit_words=8),
    field(LOAD, target=isa.TARGET_SPIKE), field(LOAD, target=isa.TARGET_SPIKE, unit_words=9),
    legal(LOAD, dest=127), overrun(LOAD, dest=128), overrun(LOAD, records=129),
    overrun(LOAD, records=0xFFFFFF, dest=0xFFFF), legal(ROOM, records=8192),
    overrun(ROOM, records=8200), overrun(ROOM, records=8192, dest=1),
    legal(ROOM, target=0, dest=1023), overrun(ROOM, target=0, dest=1024),
    legal(LOAD, target=isa.TARGET_SPIKE, unit_words=1, dest=2047),
    overrun(LOAD, target=isa.TARGET_SPIKE, unit_words=1, dest=2048),
    legal(LOAD, target=isa.TARGET_LOGIT, records=128),
    overrun(LOAD, target=isa.TARGET_LOGIT, records=2, dest=127),
    legal(LOAD, target=isa.TARGET_MASK, dest=63), overrun(LOAD, target=isa.TARGET_MASK, dest=64),
    *(case for base in (LAYER, RESIDUAL, HEAD) for case in (
        legal(base, mask_base=60, mask_lines=4), field(base, mask_base=60, mask_lines=5),
        legal(base, kernel3=1, mask_base=1, mask_lines=7), field(base, mask_lines=65),
        field(base, kernel3=1, mask_base=2, mask_lines=7), legal(base, mask_base=255))),
    legal(KEY_VALUE, mask_base=255, mask_lines=255),
    field(LOAD, coded=1), field(LOAD, coded=1, target=isa.TARGET_LOGIT, records=2),
    legal(LOAD, index_bits=15, row_words=0, block=1), legal(ROOM, coded=1, index_bits=15, block=1),
    legal(WORDS), legal(WORDS, coded=0, index_bits=5), field(WORDS, index_bits=5),
    legal(WORDS, block=1, row_words=1), field(WORDS, block=1, row_words=2),
    legal(WORDS, block=1, index_bits=2, row_words=4), field(WORDS, block=1, row_words=0),
    field(WORDS, block=1, index_bits=2, row_words=5), field(WORDS, records=4),
    overrun(WORDS, dest=1024), overrun(ROOM, coded=1, dest=1024), overrun(WORDS, records=8200),
    legal(LAYER, id=63), field(LAYER, id=64), legal(LAYER, shift=7), field(LAYER, shift=8),
    *(field(base, **{name: 0}) for base in (LAYER, RESIDUAL, HEAD, KEY_VALUE)
      for name in ("steps", "width", "height", "in_lines", "in_words", "out_words", "row_cost")),
    legal(LAYER, out_words=16, out_step=16), field(LAYER, out_words=17, out_step=17),
    legal(LAYER, in_lines=64), field(LAYER, in_lines=65),
    legal(LAYER, in_lines=7, kernel3=1), field(LAYER, in_lines=8, kernel3=1),
    *(field(base, **{name: 0}) for base in (LAYER, RESIDUAL) for name in ("out_lines", "out_step")),
    field(LAYER, out_words=3, out_step=2), legal(LAYER, pool=1), field(RESIDUAL, pool=1),
    legal(LAYER, charge=65535), *(field(base, charge=1) for base in (RESIDUAL, HEAD, KEY_VALUE)),
    *(case for n in (25, 32) for case in (
        legal(SUMS, steps=n), field(SUMS, steps=n, merge=0, in_words=1),
        field(SUMS, steps=n, width=2), field(SUMS, steps=n, height=2),
        field(SUMS, steps=n, stream_tokens=0), field(SUMS, steps=n, pool=1),
        field(SUMS, steps=n, repeat_drain=1), legal(SUMS, steps=n, stream_tokens=65535))),
    field(SUMS, steps=24), field(SUMS, steps=33), legal(SUMS, merge=1, steps=1, stream_tokens=0),
    field(HEAD, merge=0), field(HEAD, tokens=0), legal(HEAD, tokens=128), field(HEAD, tokens=129),
    legal(HEAD, out_lines=0, out_step=0), legal(KEY_VALUE, out_lines=0, out_step=0),
    field(KEY_VALUE, head_words=0), field(KEY_VALUE, head_words=3), field(KEY_VALUE, head_words=2),
    field(KEY_VALUE, head_words=4), field(KEY_VALUE, head_lanes=5), field(KEY_VALUE, tokens=0),
    field(KEY_VALUE, tokens=65), field(KEY_VALUE, out_words=15),
    *(case for base in (LAYER, RESIDUAL) for case in (
        legal(base, in_block=2), field(base, in_block=3), legal(base, out_block=2),
        field(base, out_block=3), legal(base, in_block=2, window=2), field(base, window=1),
        field(base, in_block=1, window=2), field(base, in_block=3, window=3),
        field(base, in_block=2, window=1, step_rows=1),
        field(base, in_block=1, window=1, repeat_drain=1))),
    *(case for w, words in ((1, 16), (2, 4)) for case in (  # of 64 accumulators
        legal(LAYER, in_block=2, window=w, out_words=words, out_step=16),
        (LAYER, dict(in_block=2, window=w, out_words=words + 1, out_step=17), isa.ERROR_FIELD))),
    legal(HEAD, in_block=2), field(HEAD, in_block=2, window=1), field(SUMS, in_block=1),
    legal(KEY_VALUE, in_block=2), field(KEY_VALUE, in_block=2, window=1),
    legal(STORE, logits=128), field(STORE, logits=0), field(STORE, logits=129),
    field(STORE, offset=12), legal(STORE, offset=8),
]  # fmt: skip


@pytest.mark.parametrize("base, changes, cause", CASES)
def test_rules(base, changes, cause):
    op = isa.OP_LOAD if "records" in base else isa.OP_LAYER if "steps" in base else isa.OP_STORE
    descriptor = isa.encode(op, "x", **(base | changes))
    got, what = descriptor_fault(HARDWARE, descriptor)
    assert got == cause, what
    assert bool(what) == bool(cause)


def test_limits_of_wide_heads():
    wide = replace(HARDWARE, lanes=2, banks=2, acc_depth=64, patch_lines=256)
    head = KEY_VALUE | dict(head_words=4, head_lanes=1, out_words=32, tokens=256)
    assert descriptor_fault(wide, isa.encode(isa.OP_LAYER, "x", **head))[0] == 0
    longer = isa.encode(isa.OP_LAYER, "x", **head, in_block=1)
    assert descriptor_fault(replace(wide, line_words=16), longer)[0] == 0
    for hardware, fields in (
        (replace(wide, line_words=4), head),
        (wide, head | dict(in_block=1)),
        (replace(wide, line_words=2), LAYER | dict(in_block=2)),
        (wide, head | dict(tokens=257)),
        (wide, head | dict(head_words=8, out_words=128)),
    ):
        fault = descriptor_fault(hardware, isa.encode(isa.OP_LAYER, "x", **fields))
        assert fault[0] == isa.ERROR_FIELD


def test_unknown_opcodes():
    for op in (0, 5, 0x80, 0xFF):
        assert descriptor_fault(HARDWARE, bytes([op]) + bytes(63))[0] == isa.ERROR_OPCODE
    assert descriptor_fault(HARDWARE, isa.encode(isa.OP_END, "x"))[0] == 0


@pytest.fixture(scope="module")
def compiled():
    return compile_network(random_network(CONFIG, 7), HARDWARE)


def test_every_bit_of_a_program_is_under_the_crc(compiled):
    """One flipped bit anywhere is found, at its own descriptor."""
    program = compiled.program
    for index in range(0, compiled.count, 7):
        for bit in range(0, 512, 5):
            broken = bytearray(program)
            broken[64 * index + bit // 8] ^= 1 << bit % 8
            fault = first_fault(HARDWARE, bytes(broken), compiled.count)
            assert (fault.cause, fault.index) == (isa.ERROR_PROGRAM_CRC, index)


def test_order_is_under_the_crc(compiled):
    """Descriptors that are right by themselves, in the wrong order."""
    program = compiled.program
    swapped = program[:64] + program[128:192] + program[64:128] + program[192:]
    assert first_fault(HARDWARE, swapped, compiled.count).index == 1
    dropped = program[:64] + program[128:]
    assert first_fault(HARDWARE, dropped, compiled.count - 1).cause == isa.ERROR_PROGRAM_CRC
    assert first_fault(HARDWARE, isa.sealed(swapped), compiled.count) is None


def test_chain_is_that_of_zlib(compiled):
    """Word 15 by its definition: the CRC of everything before, words 15 counted as 0."""
    from zlib import crc32

    blank = b"".join(d[:60] + bytes(4) for d in isa.cut(compiled.program))
    for i, descriptor in enumerate(isa.cut(compiled.program)):
        assert struct.unpack("<I", descriptor[60:])[0] == crc32(blank[: 64 * (i + 1)])


def test_first_fault(compiled):
    count = compiled.count
    assert first_fault(HARDWARE, compiled.program, count) is None
    fault = first_fault(HARDWARE, compiled.program, count - 1)
    assert (fault.cause, fault.index) == (isa.ERROR_NO_END, count - 2)
    broken = isa.cut(compiled.program)
    broken[3] = b"\x77" + broken[3][1:]
    fault = first_fault(HARDWARE, isa.sealed(b"".join(broken)), count)
    assert (fault.cause, fault.index) == (isa.ERROR_OPCODE, 3)


def test_weight_loads_carry_the_crc_of_their_beats(compiled):
    from zlib import crc32

    places = []
    for descriptor in isa.cut(compiled.program):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_LOAD:
            assert fields["check"]
            if not fields["from_image"]:
                end = fields["offset"] + load_bytes(HARDWARE, fields)
                assert crc32(compiled.weights[fields["offset"] : end]) == fields["crc"]
                places.append((fields["offset"], end))
            else:
                assert load_bytes(HARDWARE, fields) == compiled.image_bytes
    at = 0  # every byte of the weight image belongs to a load, that of several alike only once
    assert len(places) > len(set(places))
    for start, end in sorted(set(places)):
        assert start == at
        at = end
    assert at == len(compiled.weights)


def test_the_crc_of_an_image_is_that_of_its_bytes(compiled):
    from zlib import crc32

    image = bytes(range(256)) * (compiled.image_bytes // 256 + 1)
    want = crc32(image[: compiled.image_bytes])
    assert image_crc(HARDWARE, compiled.program, image) == want
    assert image_crc(HARDWARE, compiled.program, image, want) == want
    with pytest.raises(HardwareStop) as stop:
        image_crc(HARDWARE, compiled.program, image, want ^ 1)
    assert stop.value.fault.cause == isa.ERROR_IMAGE_CRC


def test_emulator_stops(compiled):
    image = compiled.pack_image(random_images(CONFIG, 1, 1)[0])
    weights = bytearray(compiled.weights)
    weights[len(weights) // 2] ^= 4
    with pytest.raises(HardwareStop, match="CRC") as stop:
        Emulator(HARDWARE).run(compiled.program, bytes(weights), image)
    assert stop.value.fault.cause == isa.ERROR_WEIGHT_CRC
    offset = len(weights) // 2 // 8 * 8
    _, fields = isa.decode(isa.cut(compiled.program)[stop.value.fault.index])
    assert fields["offset"] <= offset < fields["offset"] + load_bytes(HARDWARE, fields)
    with pytest.raises(HardwareStop) as stop:
        Emulator(HARDWARE).run(compiled.program[:-64], compiled.weights, image)
    assert stop.value.fault.cause == isa.ERROR_NO_END


def test_check_program(compiled):
    program, count = compiled.program, compiled.count
    check_program(HARDWARE, program, count, compiled.weights)
    refusals = [
        (HARDWARE, program, count - 1, None, "is not the end (cause 7)"),
        (HARDWARE, program, count + 1, None, f"program: {count + 1} descriptors of 64 bytes"),
        (HARDWARE, program, 0, None, "program: 0 descriptors"),
        (HARDWARE, program[:-8], count, None, "descriptors that the file has"),
        (HARDWARE, isa.sealed(program + program), 2 * count, None, f"the last {count} of"),
        (HARDWARE, program[:-1] + b"\0", count, None, f"descriptor {count - 1}: its CRC is"),
        (HARDWARE, program, count, compiled.weights[:-8], "up to byte"),
        (HARDWARE, program, count, bytes(len(compiled.weights)), "(cause 6)"),
        (replace(HARDWARE, param_depth=4), program, count, None, "of a memory of 4 (cause 8)"),
    ]
    for hardware, data, number, weights, message in refusals:
        with pytest.raises(UserError) as error:
            check_program(hardware, data, number, weights)
        assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_capabilities_say_everything(name):
    hardware = CONFIGURATIONS[name]
    words = capabilities(hardware)
    assert from_capabilities(words) == hardware
    unlike = replace(
        hardware, groups=2, lanes=64, banks=4, bank_depth=0x321, row_depth=0x654, param_depth=0x87,
        patch_lines=0x80, spike_lines=0xCBA, stream_depth=0xFED, classes=0x200, patterns=16,
    )  # fmt: skip
    assert capabilities(unlike) == [
        0x00044002 | hardware.line_words << 24, 0x10140000 | hardware.acc_depth, 0x06540321,
        0x00800087, 0x0FED0CBA, 0x001F0807, 0x100200,
    ]  # fmt: skip
    bare = replace(hardware, parity=0, bus_bytes=32)
    assert capabilities(bare)[5] == 0x001E2007 and from_capabilities(capabilities(bare)) == bare
    largest = replace(hardware, spike_lines=65536 - hardware.groups, stream_depth=65535)
    assert from_capabilities(capabilities(largest)) == largest
    for wrong in (
        words[:6],
        [*words[:5], words[5] - 1, words[6]],
        [*words[:5], words[5] | 0x1000, words[6]],
    ):
        with pytest.raises(UserError, match="capabilities: "):
            from_capabilities(wrong)


def test_command(compiled, tmp_path, capsys):
    program = tmp_path / "program.bin"
    compiled.save(tmp_path / "out")
    program.write_bytes(compiled.program)

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["check", *map(str, arguments)])
        return stop.value.code, "".join(capsys.readouterr())

    folder = tmp_path / "out"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == isa.DESCRIPTOR_FORMAT
    assert manifest["program_count"] == compiled.count
    caps = ",".join(manifest["capabilities"])
    good = (folder / "program.bin", "--weights", folder / "weights.bin", "--capabilities", caps)
    status, text = run(*good)
    assert (status, text.count("\n")) == (0, 1) and "legal on hardware 4x16" in text
    for arguments, message in (
        ((program, "--config", "4x16,param_depth=4"), "(cause 8)"),
        ((program, "--count", 3), "is not the end"),
        ((program, "--capabilities", "1,x"), "is not seven numbers"),
        ((program, "--capabilities", "1,2"), "2 words given"),
        ((tmp_path / "none.bin",), "cannot be read"),
        ((program, "--weights", program), "program: descriptor"),
    ):
        status, text = run(*arguments)
        assert status == 2 and message in text and text.count("\n") == 1, text
