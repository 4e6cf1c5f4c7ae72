# SPDX-License-Identifier: Apache-2.0
"""Register addresses by name, from the RDL: ``from tb.lib.registers import CTRL, STATUS, counter``.

``REGISTERS`` has the fields: ``REGISTERS["STATUS"].unpack(word)["busy"]``,
``REGISTERS["CTRL"].pack(start=1)``. Reset values there are those of the default parameters; use
``golden.hardware.registers.load(parameters)`` for another build's.
"""

from golden.hardware.registers import load

REGISTERS = load()
START, ABORT, SOFT_RESET = (
    REGISTERS["CTRL"].pack(**{b: 1}) for b in ("start", "abort", "soft_reset")
)
BUSY, DONE, ERROR, STUCK = (
    REGISTERS["STATUS"].pack(**{b: 1}) for b in ("busy", "done", "error", "stuck")
)
IRQ_JOB, IRQ_ERROR = (REGISTERS["IRQ_STATUS"].pack(**{b: 1}) for b in ("job", "error"))
COUNTER_NAMES = tuple(
    name.partition(".")[2] for name in REGISTERS if name.startswith("COUNTERS[0].")
)


def __getattr__(name: str) -> int:
    """The byte address of register ``name``."""
    try:
        return REGISTERS[name].address
    except KeyError:
        raise AttributeError(f"no register {name} in psf_regs.rdl") from None


def counter(layer: int, name: str) -> int:
    """The byte address of counter ``name`` (of ``COUNTER_NAMES``) of layer id ``layer``."""
    return REGISTERS[f"COUNTERS[{layer}].{name}"].address
