# SPDX-License-Identifier: Apache-2.0
"""Everything that hardware and software must agree on, written once.

From here come ``rtl/psf_pkg.sv``, the tables of ``isa.py`` and ``configuration.py``, those of the
register description and of ``docs/reference/formats.md``, and how the benches pack structs.
After a change run ``python -m golden.hardware.interface``.
"""

from golden.hardware.interface.kinds import (
    Cause,
    Code,
    Constant,
    Counter,
    Descriptor,
    Enumeration,
    Field,
    Parameter,
    Record,
)

FEATURES = (  # of the register CAP5, from its bit 16 on
    ("parity", "Memories are protected by parity."),
    ("crc", "Programs and weights carry CRC-32."),
    ("ring", "There is a ring of jobs."),
    ("codebook", "Loads may be coded (codebook, row lengths)."),
    ("sums", "A head may average the residual stream."),
)

_WEIGHT_WIDTH, _SUM_BITS = 8, 32

CONSTANTS = (
    Constant("DESCRIPTOR_FORMAT", 7, "of the descriptors, in the register CAP5"),
    Constant("DESCRIPTOR_BYTES", 64, "sixteen little-endian words of 32 bits"),
    Constant("FEATURES", (1 << len(FEATURES)) - 1, "bits of CAP5 from bit 16 on: all of them"),
    Constant("WEIGHT_WIDTH", _WEIGHT_WIDTH, "bits of a weight, signed"),
    Constant("MASK_LINES", 64, "lines of the row mask of a group"),
    Constant("SUM_BITS", _SUM_BITS, "bits of the residual stream summed up"),
    Constant("MIN_PLANES", _SUM_BITS - 7, "a head sees at least so many planes of the sums"),
    Constant("MAX_LAYERS", 64, "layer ids, each with a set of counters"),
    Constant(
        "MAX_COUNT",
        (1 << _WEIGHT_WIDTH - 1) - 1,
        "of K^T V as a weight; a larger count becomes this one",
    ),
    Constant("MAX_SHIFT", 7, "largest left shift of a weight"),
    Constant("MAX_WINDOW", 4, "timesteps of one accumulation, and those side by side, at most"),
)

OPCODES = Enumeration(
    "OP",
    8,
    "Opcodes, word 0 bits 7:0.",
    (
        Code("LOAD", 1, "read data from DRAM into a memory on the chip"),
        Code("LAYER", 2, "run one layer"),
        Code("STORE", 3, "write label and logits to the result address"),
        Code("END", 4, "the program ends here"),
    ),
)

TARGETS = Enumeration(
    "TARGET",
    4,
    "Targets of OP_LOAD.",
    (
        Code("WEIGHT", 0, "weight words of the banks"),
        Code("ROW", 1, "row table of the banks"),
        Code("PARAM", 2, "biases and thresholds"),
        Code("SPIKE", 3, "lines of the spike memory"),
        Code("LOGIT", 4, "logit accumulators"),
        Code("MASK", 5, "row mask of every group"),
    ),
)

MODES = Enumeration(
    "MODE",
    2,
    "What a group does with finished accumulators.",
    (
        Code("SPIKE", 0, "+ bias, LIF, pack, write"),
        Code("RESIDUAL", 1, "+ bias, + stream, back, LIF, write"),
        Code("KEY_VALUE", 2, "K^T V counts into the weight banks"),
        Code("HEAD", 3, "add to the logits"),
    ),
)

CAUSES = Enumeration(
    "ERROR",
    8,
    "Causes in the register ERROR_CAUSE.",
    (
        Cause("NONE", 0, "no error", ""),
        Cause("OPCODE", 1, "unknown opcode", "psf_descriptor_check"),
        Cause("FIELD", 2, "a descriptor field is out of range", "psf_descriptor_check"),
        Cause("READ", 3, "SLVERR or DECERR on a read", "psf_read_dma", True),
        Cause("WRITE", 4, "SLVERR or DECERR on a write", "psf_result_writer", True),
        Cause("PROGRAM_CRC", 5, "the CRC-32 of a descriptor is wrong", "psf_descriptor_check"),
        Cause("WEIGHT_CRC", 6, "the CRC-32 of the data of a load is wrong", "psf_load_steps"),
        Cause("NO_END", 7, "PROGRAM_COUNT descriptors without OP_END", "psf_descriptor_check"),
        Cause("OVERRUN", 8, "beyond the end of a memory on the chip",
              "the block that computes the address"),
        Cause("READ_WINDOW", 9, "a read outside its window; it was not issued",
              "psf_window_check", True),
        Cause("WRITE_WINDOW", 10, "a write outside its window; not issued",
              "psf_window_check", True),
        Cause("PARITY", 11, "wrong parity in a memory on the chip", "every memory"),
        Cause("TIMEOUT", 12, "a job took more than WATCHDOG cycles", "psf_supervisor"),
        Cause("ABORT", 13, "CTRL.abort", "the host"),
        Cause("IMAGE_CRC", 14, "the CRC-32 of an image is not that of its ring entry",
              "psf_load_steps"),
    ),
)  # fmt: skip

ENUMERATIONS = (OPCODES, TARGETS, MODES, CAUSES)


def _fields(*rows: tuple[str, int, int, int, str]) -> tuple[Field, ...]:
    """(name, word, lowest bit, bits, meaning) each."""
    return tuple(Field(n, bits, text, word=word, low=low) for n, word, low, bits, text in rows)


LOAD = Descriptor("LOAD", "load_t", "A load: DRAM to a memory on the chip.", _fields(
    ("wait_items", 1, 0, 16, "start when so many layers and stores of the job are complete; if 0:"),
    ("wait_previous", 1, 16, 16, "... when this many of the job before have"),
    ("target", 2, 0, 4, "TARGET_*"),
    ("from_image", 2, 4, 1, "offset counts from the image address, else from WEIGHT_BASE"),
    ("check", 2, 5, 1, "crc is that of the data; from_image: the ring's is that of all so far"),
    ("unit_words", 2, 8, 8, "TARGET_SPIKE: P-bit words per line"),
    ("dest", 2, 16, 16, "first address in the target memory"),
    ("records", 3, 0, 24, "number of records"),
    ("offset", 4, 0, 32, "bytes, a multiple of 8"),
    ("crc", 5, 0, 32, "CRC-32 (IEEE 802.3) of all beats"),
    ("coded", 2, 6, 1, "TARGET_WEIGHT, TARGET_ROW: what is stored has to be decoded"),
    ("block", 2, 7, 1, "coded weights: word k of a row goes to block k of the accumulators"),
    ("index_bits", 6, 0, 4, "coded weights: stored bits of an index"),
    ("row_words", 6, 8, 8, "coded weights with block: words per row"),
    ("first_word", 6, 16, 16, "coded rows: weight address of the first row of every bank"),
    ("codebook_0", 8, 0, 32, "coded weights: the weights of codes 0 (bits 7:0) to 3"),
    ("codebook_1", 9, 0, 32, "... of codes 4 to 7"),
    ("codebook_2", 10, 0, 32, "... of codes 8 to 11"),
    ("codebook_3", 11, 0, 32, "... of codes 12 to 15"),
))  # fmt: skip

LAYER = Descriptor("LAYER", "layer_t", "A layer.", _fields(
    ("id", 0, 8, 8, "index in counters and traces"),
    ("mode", 0, 16, 2, "MODE_*"),
    ("kernel3", 0, 18, 1, "3x3 stride 1 padding 1, else 1x1"),
    ("merge", 0, 19, 1, "head: one accumulation for all steps; 0: of the stream, summed first"),
    ("repeat_drain", 0, 20, 1, "one scanned step, drained `steps` times (first convolution)"),
    ("pool", 0, 21, 1, "OR-pool k3 s2 p1 on the written spikes"),
    ("first", 0, 22, 1, "residual: the stream starts here"),
    ("continues", 0, 23, 1, "its counters go on from those of the layer before"),
    ("shift", 0, 24, 4, "residual: left shift of the weights, beside that of their rows"),
    ("wait_loads", 1, 0, 16, "start when this many loads of the job have completed"),
    ("charge", 1, 16, 16,
     "spike: of the membranes, added in parts at the first timestep, by place"),
    ("in_base", 2, 0, 16, "line of pixel 0"),
    ("in_row_lines", 2, 16, 16, "lines per image row"),
    ("width", 3, 0, 16, "pixels per row (key-value: timesteps)"),
    ("height", 3, 16, 16, "rows (key-value: head blocks)"),
    ("in_lines", 4, 0, 8, "lines per pixel"),
    ("out_lines", 4, 8, 8, "lines per written pixel"),
    ("steps", 4, 16, 8, "timesteps (head without merge: planes)"),
    ("row_cost", 4, 24, 8, "cycles between two rows of a group: slots per row"),
    ("in_first", 5, 0, 8, "first word of a step"),
    ("in_words", 5, 8, 8, "words scanned per step"),
    ("in_step", 5, 16, 8, "words from one step to the next"),
    ("out_words", 5, 24, 8, "J, accumulators per lane"),
    ("row_base", 6, 0, 16, "row-table entry (per bank) of tap 0, word 0"),
    ("tap_rows", 6, 16, 16, "row-table entries per bank from tap to tap"),
    ("step_rows", 7, 0, 16, "row-table entries per bank from step to step"),
    ("param_base", 7, 16, 16, "first parameter word"),
    ("out_base", 8, 0, 16, "line of the first written pixel"),
    ("out_row_lines", 8, 16, 16, "pool: lines per pooled row"),
    ("out_clear", 9, 0, 16, "pool: lines to clear first"),
    ("out_first", 9, 16, 8, "first written word of a step (head: of logits)"),
    ("out_step", 9, 24, 8, "written words from one step to the next"),
    ("stream_stride", 10, 0, 16, "residual words per bank and token (timesteps * J)"),
    ("head_words", 10, 16, 8, "key-value: words per head block, m"),
    ("head_lanes", 10, 24, 8,
     "key-value: log2 of the lanes that share a head (min(d, P))"),
    ("tokens", 11, 0, 16, "key-value: N; head: number of classes"),
    ("dump_base", 11, 16, 16,
     "key-value: weight address (per bank) of row (t 0, channel 0); head without merge: residual "
     "address of its first token"),
    ("dump_step", 12, 0, 16,
     "key-value: weight addresses per bank from step to step; head without merge: bank of its "
     "first token, modulo G"),
    ("dump_block", 12, 16, 16, "key-value: weight addresses per bank from block to block"),
    ("mask_base", 13, 0, 8, "mask line of tap 0, line 0"),
    ("mask_lines", 13, 8, 8,
     "mask lines of a tap, repeated over those of a pixel; 0: no mask"),
    ("stream_tokens", 13, 16, 16, "head without merge: tokens of the residual stream"),
    ("in_block", 14, 0, 2, "log2 of the timesteps side by side in the input"),
    ("out_block", 14, 2, 2, "log2 of the timesteps side by side in the output"),
    ("window", 14, 4, 2, "log2 of the timesteps of one accumulation, at most in_block"),
    ("above", 14, 6, 1, "a row lies above the first one: of a map that is computed in stripes"),
    ("below", 14, 7, 1, "a row lies below the last one, and pooled rows go on there"),
    ("invert", 14, 8, 1, "inputs count that do not fire, taps outside the image with them"),
    ("pair", 14, 9, 1, "a token is two pixels; lanes P/2 on are those of the right one"),
    ("rows_ahead", 14, 12, 4, "rows of a group from grant to last word, at most; 0: 15"),
    ("images", 14, 16, 8, "images one behind the other, each of `height` rows, less one"),
))  # fmt: skip

STORE = Descriptor("STORE", "store_t", "The result of a job to DRAM.", _fields(
    ("logits", 2, 0, 32, "number of logits"),
    ("offset", 4, 0, 32, "bytes from the result address, a multiple of 8"),
))  # fmt: skip

END = Descriptor("END", "", "The end of the program.", ())

DESCRIPTORS = (LOAD, LAYER, STORE, END)

RECORDS = (
    Record("WEIGHT", "P*SlotWidth bits padded to whole beats; lane p at bit p*SlotWidth: weight "
           "[7:0], then index", "bank i mod B, address dest + i div B"),
    Record("ROW", "32 bits, two per beat (even count)", "bank i mod B, entry dest + i div B"),
    Record("PARAM", "2*P*AccWidth bits padded to whole beats; lane p at bit p*2*AccWidth: bias, "
           "then theta2", "parameter word dest + i"),
    Record("SPIKE", "unit_words words of P bits, packed without padding between records (P <= 64 "
           "divides a beat)", "words 0..unit_words-1 of line dest + i (other words unchanged)"),
    Record("LOGIT", "32 bits, two per beat (even count)", "logit accumulator dest + i"),
    Record("MASK", "a line of LineWords*P bits padded to whole beats; word k at bit k*P",
           "line dest + i of the row mask, in every group"),
)  # fmt: skip

CODED_RECORDS = (
    Record("WEIGHT", "P codes of 4 bits, lane p at bit 4*p, then P indices of w bits, lane p at "
           "bit 4*P + p*w (w = `index_bits`); padded to 32 bits, so that a beat can end one record "
           "and begin the next", "weight = byte `code` of the codebook (words 8 to 11 of the "
           "descriptor, code 0 in bits 7:0 of word 8); index = stored index, plus `k << w` with "
           "`block`"),
    Record("ROW", "a length of 4 bits, sixteen per beat", "length > 0: entry {shift 0, length, the "
           "word behind the row before in this bank}; the first row of a bank lies at "
           "`first_word`. Length 0: entry {shift 0, length 1, `first_word`}"),
)  # fmt: skip

COUNTERS = (
    Counter("CYCLES", "Cycles of the layer", "Cycles."),
    Counter("ROWS", "Rows issued", "Rows that were issued: for every spike, or once per window."),
    Counter("ROW_ADDS", "Row-adds", "Weight words consumed by groups."),
    Counter("STALL_BANK", "Stalled on banks", "Group-cycles that wait for a weight bank."),
    Counter("STALL_FETCH", "Stalled on spike fetch", "Group-cycles that wait for spikes."),
    Counter("STALL_DRAIN", "Stalled on drain", "Group-cycles that wait for the drain."),
    Counter("IDLE", "Idle", "Group-cycles without a token."),
    Counter("GAP", "Gap",
            "Cycles between the end of the layer before (or start) and this one's start."),
)  # fmt: skip

PRESETS = ("2x8", "4x16", "4x32")
DEFAULT_PRESET = "4x16"  # of the tops with flat parameters
_BYTE = (2, 128)  # powers of two that fit 8 bits of a capability register
_ANY = (2, 65535)  # ... depths that fit 16 bits


def _parameter(name: str, limits: tuple[int, int], values: tuple[int, ...], meaning: str,
               condition: str = "", power: bool = False) -> Parameter:  # fmt: skip
    return Parameter(
        name, *limits, power, meaning, condition, dict(zip(PRESETS, values, strict=True))
    )


PARAMETERS = (
    _parameter("groups", _BYTE, (2, 4, 4), "groups of lanes, G", power=True),
    _parameter("lanes", (2, 64), (8, 16, 32), "lanes of a group, P",
               "a multiple of banks", power=True),
    _parameter("banks", _BYTE, (4, 8, 8), "weight banks, B", power=True),
    _parameter("line_words", _BYTE, (8, 8, 4), "words of a spike line", power=True),
    _parameter("acc_depth", (2, 256), (32, 16, 32), "accumulators of a lane"),
    _parameter("patterns", (2, 16), (4, 4, 8),
               "sets of accumulators, for the firing patterns of a window", power=True),
    _parameter("acc_width", (16, 32), (20, 20, 20),
               "bits of an accumulator, a bias and a threshold"),
    _parameter("stream_width", (8, 30), (16, 16, 16), "bits of a residual value",
               "at most acc_width - 2"),
    _parameter("bank_depth", _ANY, (2048, 1024, 2048), "weight words of a bank"),
    _parameter("row_depth", _ANY, (2048, 1024, 2048), "row-table entries of a bank",
               "at least lanes / banks"),
    _parameter("param_depth", _ANY, (256, 128, 256), "parameter words"),
    _parameter("spike_lines", _ANY, (4096, 2048, 8192), "lines of the spike memory",
               "a multiple of groups, at least 2 * groups"),
    _parameter("stream_depth", _ANY, (1024, 512, 1024), "residual words of a bank (G banks)"),
    _parameter("patch_lines", (9, 1024), (64, 64, 256),
               "lines of a token's patch (half of the patch buffer)", power=True),
    _parameter("classes", (4, 1024), (128, 128, 128), "logit accumulators",
               "2 to 256 times lanes"),
    _parameter("weight_arrays", (1, 2), (1, 2, 2),
               "memory arrays of a weight bank, of which a read wakes one",
               "with 2 bank_depth is at least 4"),
    _parameter("parity", (0, 1), (1, 1, 1), "parity beside every word in a memory, or none"),
    _parameter("bus_bytes", (8, 32), (8, 8, 8), "bytes of a word of the AXI4 bus", power=True),
)  # fmt: skip
