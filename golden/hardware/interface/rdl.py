# SPDX-License-Identifier: Apache-2.0
"""The generated blocks of ``golden/hardware/registers/psf_regs.rdl``."""

from golden.hardware.interface import table

_FIRST_FEATURE = 16  # bit of CAP5


def parameters() -> str:
    """Those of ``psf_accel``, with the values of the smallest preset."""
    lines = [f"  longint unsigned {p.sv} = {p.presets[table.PRESETS[0]]}" for p in table.PARAMETERS]
    return "".join(f"{line},\n" for line in lines)


def features() -> str:
    """Fields of CAP5 behind the sizes; a feature with the name of a parameter is what that says."""
    out = (
        "    field {\n"
        "      sw = r; hw = na;\n"
        '      desc = "Version of the descriptor format.";\n'
        f"    }} descriptor_format[7:0] = {_constant('DESCRIPTOR_FORMAT')};\n"
        "    field { sw = r; hw = na; reset = BusBytes;"
        ' desc = "Bytes of a word of the AXI4 bus."; } axi_bytes[15:8];\n'
    )
    optional = {p.name: p.sv for p in table.PARAMETERS}
    for bit, (name, meaning) in enumerate(table.FEATURES, _FIRST_FEATURE):
        reset = f" reset = {optional[name]};" if name in optional else ""
        end = "" if reset else " = 1"
        field = f'field {{ sw = r; hw = na;{reset} desc = "{meaning}"; }}'
        out += f"    {field} {name}[{bit}:{bit}]{end};\n"
    return out


def causes() -> str:
    """The codes of ERROR_CAUSE."""
    out = "  enum error_cause_e {\n"
    for c in table.CAUSES.codes:
        meaning = c.meaning[0].upper() + c.meaning[1:]
        out += f'    {c.name} = {table.CAUSES.bits}\'d{c.value} {{ desc = "{meaning}."; }};\n'
    return out + "  };\n"


def counters() -> str:
    """One register per counter of a layer."""
    out = ""
    for i, c in enumerate(table.COUNTERS):
        out += (
            "    reg {\n"
            f'      name = "{c.title}";\n'
            f'      field {{\n        desc = "{c.meaning}";\n      }} count[31:0];\n'
            f"    }} {c.name} @ 0x{4 * i:02X};\n"
        )
    return out


def layers() -> str:
    """The array of these counters."""
    size = 4 * len(table.COUNTERS)
    return f"  layer_counters COUNTERS[{_constant('MAX_LAYERS')}] @ 0x800 += 0x{size:02X};\n"


def _constant(name: str) -> int:
    return next(c.value for c in table.CONSTANTS if c.name == name)
