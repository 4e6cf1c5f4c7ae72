# SPDX-License-Identifier: Apache-2.0
"""What travels together between the modules of rtl/, each a packed struct.

Loads and layers are those of the table; a struct may have another one as a member. ``SHARED`` is
in ``psf_pkg``, ``CONTROL`` in ``psf_control_pkg``: what travels inside psf_control, and its writes.
"""

from golden.hardware.interface import table
from golden.hardware.interface.kinds import Field, Struct

# Bits of an address in DRAM inside the block. The bus may have fewer (AxiAddrWidth of psf_top): the
# modules with an AddrWidth keep the others 0, and synthesis drops them.
ADDRESS = 64

JOB = Struct("job_t", "A job: one run of the program on one image.", (
    Field("image", ADDRESS - 3, "byte address, a multiple of 8", lsb=3),
    Field("result", ADDRESS - 3, "byte address, a multiple of 8", lsb=3),
    Field("irq", 1, "interrupt when it is done"),
    Field("index", 16, "in the ring, free running; 0 without a ring"),
    Field("check", 1, "crc is that of its image"),
    Field("crc", 32, "CRC-32 of all that is loaded of it"),
))  # fmt: skip

# As wide as the largest configuration needs; addresses have a bit more than their memory, which
# stays set once a sum has left it.
TOKEN = Struct("token_t", "What the dispatcher hands to a group.", (
    Field("index", 16, "of the token in its layer"),
    Field("line", 17, "its first line (key-value: that of token 0)"),
    Field("taps", 9, "taps inside the image"),
    Field("word", 8, "key-value: first K word in the line"),
    Field("out", 17, "its first output line"),
    Field("right", 1, "pool: also the pooled pixel to the right"),
    Field("down", 1, "pool: also the pooled pixel below"),
    Field("place", 2, "whether its row, its column is odd"),
    Field("bank", 8, "residual bank"),
    Field("stream", 17, "residual address in the bank"),
    Field("dump", 17, "key-value: weight address of row 0"),
    Field("block", 9, "key-value: first output word of the block"),
))  # fmt: skip

_DECODED = {d.struct: Struct(d.struct, d.meaning, d.fields) for d in table.DESCRIPTORS if d.struct}

LOAD_COMMAND = Struct("load_command_t", "A load on its way, and what it needs besides.", (
    _DECODED["load_t"].member("load", "without its waits"),
    Field("base", ADDRESS - 3, "byte address that the offset counts from", lsb=3),
    Field("index", 16, "of its descriptor"),
))  # fmt: skip

LOAD_STEP = Struct("load_step_t", "One step in the unpacking of a load.", (
    Field("target", 4, "TARGET_*"),
    Field("coded", 1, "weights, rows: what is stored comes from a decoder"),
    Field("wide", 1, "spikes: as many words as a beat or a line has at a time"),
    Field("spread", 1, "spikes: a word to each of several lines; rows: an entry to several banks"),
    Field("last", 1, "it ends a record"),
    Field("sub", 8, "beat in a record, or entry in a beat"),
    Field("word", 8, "of a spike line"),
    Field("bank", 8, "of a weight word or row-table entry"),
    Field("addr", 16, "in the target memory"),
))  # fmt: skip

LOAD_WRITE = Struct("load_write_t", "A write of a load: a valid for each target, and where.", (
    *(Field(name, 1, "valid") for name in ("weight", "row", "param", "spike", "logit", "mask")),
    Field("spread", 1, "spikes: word i of the data is word 0 of line addr + i; rows: entry i is "
          "that of bank + i"),
    Field("bank", 8, "of a weight word or row-table entry"),
    Field("addr", 16, "in the target memory"),
))  # fmt: skip

STORE_COMMAND = Struct("store_command_t", "A store: label and logits to DRAM.", (
    Field("addr", ADDRESS - 3, "byte address, a multiple of 8", lsb=3),
    Field("logits", 16, "number of logits"),
))  # fmt: skip

BEAT = Struct("beat_t", "An eighth of a descriptor in the ring of the program.", (
    Field("data", 64, "two of its words, the first one in the low bits"),
    Field("last", 1, "it is the last descriptor of the program"),
    Field("over", 1, "it is an OP_END, or behind one"),
))  # fmt: skip

READ_COMMAND = Struct("read_command_t", "What to read from DRAM.", (
    Field("addr", ADDRESS - 3, "byte address of the first beat", lsb=3),
    Field("beats", 29, "of 64 bits"),
    Field("tag", 16, "index of the descriptor, for faults"),
))  # fmt: skip

WINDOW = Struct("window_t", "The part of DRAM that a bus master may touch.", (
    Field("base", ADDRESS - 3, "address of its first beat", lsb=3),
    Field("limit", ADDRESS - 3, "address of its last beat", lsb=3),
))  # fmt: skip

SETUP = Struct("setup_t", "What a run works on: registers, sampled as it begins.", (
    Field("program_base", ADDRESS - 3, "byte address, a multiple of 8", lsb=3),
    Field("weight_base", ADDRESS - 3, "byte address, a multiple of 8", lsb=3),
    Field("image_base", ADDRESS - 3, "of a run without a ring", lsb=3),
    Field("result_base", ADDRESS - 3, "of a run without a ring", lsb=3),
    Field("program_count", 16, "descriptors"),
    Field("watchdog", 32, "cycles that a job may take; 0: any number"),
    Field("ring_base", ADDRESS - 4, "byte address, a multiple of 16", lsb=4),
    Field("ring_size", 4, "log2 of the entries of the ring"),
    Field("ring_crc", 1, "entries have 32 bytes, word 4 is the CRC-32 of the image"),
))  # fmt: skip

STATUS = Struct("status_t", "What the registers show as it is.", (
    Field("busy", 1, "a run is on"),
    Field("stuck", 1, "the bus has not finished what the run before began"),
    Field("label", 16, "of the last image"),
    Field("cycles", 32, "of the job in front"),
    Field("layers", 16, "completed layers of the run"),
    Field("loads", 16, "completed loads of the run"),
    Field("ring_tail", 16, "index of the job in front"),
))  # fmt: skip

FAULT = Struct("fault_t", "Why and where something went wrong.", (
    Field("cause", 8, "ERROR_*"),
    Field("index", 16, "of the descriptor"),
    Field("addr", ADDRESS, "on the bus, else 0"),
))  # fmt: skip

ENDING = Struct("ending_t", "How jobs and runs end: three pulses and what goes with the third.", (
    Field("done", 1, "the last job is done"),
    Field("irq_job", 1, "a job is done and the host wants to know"),
    Field("error", 1, "the run has failed"),
    FAULT.member("fault", "of the run"),
    Field("job", 16, "index of the job in which it failed"),
))  # fmt: skip

AXIL_REQUEST = Struct("axil_request_t", "AXI4-Lite, what the host drives.", (
    Field("awaddr", 12, "byte address"),
    Field("awvalid", 1, ""),
    Field("wdata", 32, ""),
    Field("wstrb", 4, ""),
    Field("wvalid", 1, ""),
    Field("bready", 1, ""),
    Field("araddr", 12, "byte address"),
    Field("arvalid", 1, ""),
    Field("rready", 1, ""),
))  # fmt: skip

AXIL_RESPONSE = Struct("axil_response_t", "AXI4-Lite, what the registers drive.", (
    Field("awready", 1, ""),
    Field("wready", 1, ""),
    Field("bresp", 2, ""),
    Field("bvalid", 1, ""),
    Field("arready", 1, ""),
    Field("rdata", 32, ""),
    Field("rresp", 2, ""),
    Field("rvalid", 1, ""),
))  # fmt: skip

# All bursts are INCR and have ID 0, reads of whole words of the bus, writes of 8 bytes: psf_accel
# says so at its ports. The data of a read have a port of their own, as wide as the bus.
AXI_READ_REQUEST = Struct("axi_read_request_t", "AXI4, reads: what the master drives.", (
    Field("araddr", ADDRESS, "byte address of a word of the bus"),
    Field("arlen", 8, "words, less one"),
    Field("arvalid", 1, ""),
    Field("rready", 1, ""),
))  # fmt: skip

AXI_READ_RESPONSE = Struct("axi_read_response_t", "AXI4, reads: what the memory drives.", (
    Field("arready", 1, ""),
    Field("rresp", 2, ""),
    Field("rlast", 1, ""),
    Field("rvalid", 1, ""),
))  # fmt: skip

AXI_WRITE_REQUEST = Struct("axi_write_request_t", "AXI4, writes: what the master drives.", (
    Field("awaddr", ADDRESS, "byte address, a multiple of 8"),
    Field("awlen", 8, "beats, less one"),
    Field("awvalid", 1, ""),
    Field("wdata", 64, "all bytes count"),
    Field("wplace", 2, "bits 4:3 of their address"),
    Field("wlast", 1, ""),
    Field("wvalid", 1, ""),
    Field("bready", 1, ""),
))  # fmt: skip

AXI_WRITE_RESPONSE = Struct("axi_write_response_t", "AXI4, writes: what the memory drives.", (
    Field("awready", 1, ""),
    Field("wready", 1, ""),
    Field("bresp", 2, ""),
    Field("bvalid", 1, ""),
))  # fmt: skip

SHARED = (JOB, *_DECODED.values(), TOKEN)
CONTROL = (
    LOAD_COMMAND,
    LOAD_STEP,
    LOAD_WRITE,
    STORE_COMMAND,
    BEAT,
    READ_COMMAND,
    WINDOW,
    SETUP,
    STATUS,
    FAULT,
    ENDING,
    AXIL_REQUEST,
    AXIL_RESPONSE,
    AXI_READ_REQUEST,
    AXI_READ_RESPONSE,
    AXI_WRITE_REQUEST,
    AXI_WRITE_RESPONSE,
)
STRUCTS = (*SHARED, *CONTROL)


def package(struct: str) -> str:
    """The package that has the type."""
    return "psf_pkg" if struct in {s.name for s in SHARED} else "psf_control_pkg"
