# SPDX-License-Identifier: Apache-2.0
"""The accelerator as its registers and a memory, after docs/reference/registers.md: what the driver
is tested against. Images are run by golden.hardware.execute.emulator.
"""

import struct

from golden.hardware import isa
from golden.hardware.check import (
    HardwareStop,
    capabilities,
    first_fault,
    image_crc,
    load_bytes,
)
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator
from golden.hardware.registers.register_map import load
from golden.hardware.sequence import descriptors

CYCLES = 1234  # of every image
BASE = 0x4000_0000
WINDOWS = ("READ_BASE", "READ_LIMIT", "WRITE_BASE", "WRITE_LIMIT")


class RegisterModel:
    """A run takes ``busy`` reads of STATUS. ``memory``: what the bus master sees from ``origin``
    on; it has ``width`` bits of an address.
    """

    def __init__(
        self, hardware: Hardware, memory: bytearray, busy: int = 4, width: int = 32, origin: int = 0
    ) -> None:
        self.hardware, self.memory, self.busy = hardware, memory, busy
        self.width, self.origin = width, origin
        registers = load(hardware.sv_parameters() | {"AxiAddrWidth": width}).values()
        self.names = {register.address: register.name for register in registers}
        self.resets = {register.name: register.reset or 0 for register in registers}
        self.values = dict(self.resets)
        for i, word in enumerate(capabilities(hardware)):
            self.values[f"CAP{i}"] = word
        self.left = 0  # reads of STATUS until the run is over
        self.stuck = False
        self.irq = False
        self.writes: list[tuple[str, int]] = []

    # -- the bus ------------------------------------------------------------------------------

    def read(self, address: int) -> int:
        name = self.names[address - BASE]
        if name == "STATUS":
            if self.left:
                self.left -= 1
                if not self.left:
                    self._finish()
            return self.values["STATUS"] | self.stuck << 3
        return self.values[name]

    def write(self, address: int, value: int) -> None:
        name = self.names[address - BASE]
        self.writes.append((name, value))
        name, high = name.removesuffix("_HIGH"), name.endswith("_HIGH")
        if high:
            locked = name in WINDOWS and self.values["WINDOW_LOCK"]
            assert self.width > 32 and not locked, f"a write to the high word of {name}"
            self.values[f"{name}_HIGH"] = value & (1 << self.width - 32) - 1
        elif name == "CTRL":
            self._control(value)
        elif name == "IRQ_STATUS":
            self.values[name] &= ~value
        elif name in WINDOWS:
            assert not self.values["WINDOW_LOCK"], "a write to a locked window answers SLVERR"
            self.values[name] = value | 7 if name.endswith("LIMIT") else value & ~7
        elif name == "WINDOW_LOCK":
            self.values[name] |= value & 1
        else:
            assert name in (
                "IRQ_ENABLE",
                "PROGRAM_BASE",
                "WEIGHT_BASE",
                "IMAGE_BASE",
                "RESULT_BASE",
                "PROGRAM_COUNT",
                "WATCHDOG",
                "RING_BASE",
                "RING_SIZE",
                "RING_HEAD",
            ), name
            self.values[name] = value
            if name == "RING_HEAD" and not self.left:
                self._begin(ring=True)

    # -- runs ---------------------------------------------------------------------------------

    def _control(self, value: int) -> None:
        start, abort, reset = (value >> i & 1 for i in range(3))
        if reset:
            kept = {n: v for n, v in self.values.items() if "WINDOW" in n or n.startswith(
                ("READ_", "WRITE_", "CAP"))}  # fmt: skip
            self.values = self.resets | kept
            self.left = 0
        elif abort and self.left:
            self.left = 0
            self._stop(isa.ERROR_ABORT, 0, 0, self.values["RING_TAIL"])
        elif start and not self.left and not self.stuck:
            self._begin(ring=False)

    def _begin(self, ring: bool) -> None:
        self.ring, self.left = ring, self.busy
        self.values["STATUS"] = 1
        for name in ("ERROR_CAUSE", "ERROR_INDEX", "ERROR_ADDR", "ERROR_ADDR_HIGH", "ERROR_JOB"):
            self.values[name] = 0

    def _finish(self) -> None:
        v = self.values
        while True:
            job, image, result, flags = 0, self._at("IMAGE_BASE"), self._at("RESULT_BASE"), 1
            if self.ring:
                job = v["RING_TAIL"]
                if job == v["RING_HEAD"]:
                    break
                checked, slot = v["RING_SIZE"] >> 8, job % (1 << (v["RING_SIZE"] & 15))
                at = self._at("RING_BASE") + (16 << checked) * slot
                image, result, *high = struct.unpack_from("<4I", self.memory, at - self.origin)
                flags = high[0]
                image, result = (
                    (low | more >> 1 << 32) % (1 << self.width)
                    for low, more in zip((image, result), high, strict=True)
                )
                v["RING_TAIL"] = job + 1 & 0xFFFF
            if self.ring and checked:
                (crc,) = struct.unpack_from("<I", self.memory, at + 16 - self.origin)
            else:
                crc = None
            if not self._job(job, image, result, crc):
                return
            v["IRQ_STATUS"] |= flags & 1
            if not self.ring:
                break
        v["STATUS"] = 2
        v["IRQ_STATUS"] |= 1

    def _job(self, job: int, image: int, result: int, crc: int | None) -> bool:
        v, m = self.values, self.memory
        count, o = v["PROGRAM_COUNT"], self.origin
        code, weights = self._at("PROGRAM_BASE"), self._at("WEIGHT_BASE")
        if not self._allowed("READ", code, count * isa.DESCRIPTOR_BYTES, job):
            return False
        program = bytes(m[code - o :][: count * isa.DESCRIPTOR_BYTES])
        try:
            fault = first_fault(self.hardware, program, count)
            if fault:
                raise HardwareStop(fault)
            for op, fields in descriptors(program):
                if op == isa.OP_LOAD:
                    base = image if fields["from_image"] else weights
                    size = load_bytes(self.hardware, fields)
                    if not self._allowed("READ", base + fields["offset"], size, job):
                        return False
            pixels = bytes(m[image - o :])
            image_crc(self.hardware, program, pixels, crc)
            answer = Emulator(self.hardware).run(program, bytes(m[weights - o :]), pixels)
        except HardwareStop as stop:
            return self._stop(stop.fault.cause, stop.fault.index, 0, job)
        for label, logits in answer.stored:
            words = [label, CYCLES, *logits]
            if not self._allowed("WRITE", result, 4 * len(words), job):
                return False
            struct.pack_into(f"<2I{len(logits)}i", m, result - o, *words)
            result += 8 * -(-len(words) // 2)
        v["LABEL"], v["CYCLES"] = answer.label, CYCLES
        return True

    def _allowed(self, kind: str, address: int, size: int, job: int) -> bool:
        low, high = self._at(f"{kind}_BASE"), self._at(f"{kind}_LIMIT")
        if low <= address and address + size - 1 <= high:
            return True
        cause = isa.ERROR_READ_WINDOW if kind == "READ" else isa.ERROR_WRITE_WINDOW
        return self._stop(cause, 0, address, job)

    def _at(self, name: str) -> int:
        """The address in two registers."""
        return self.values[f"{name}_HIGH"] << 32 | self.values[name]

    def _stop(self, cause: int, index: int, address: int, job: int) -> bool:
        high, low = divmod(address, 1 << 32)
        self.values |= {
            "ERROR_CAUSE": cause, "ERROR_INDEX": index, "ERROR_ADDR": low, "ERROR_ADDR_HIGH": high,
            "ERROR_JOB": job, "STATUS": 6,
        }  # fmt: skip
        self.values["IRQ_STATUS"] |= 2
        return False
