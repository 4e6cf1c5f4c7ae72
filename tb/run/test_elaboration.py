# SPDX-License-Identifier: Apache-2.0
"""golden.hardware takes the configurations that the RTL takes, and refuses the others.

slang elaborates psf_top for a configuration in a fifth of a second. Seed: SEED.
"""

import os
import random
import re
from types import SimpleNamespace

import pytest
from pyslang import Bag, SourceManager
from pyslang.ast import Compilation, CompilationOptions
from pyslang.syntax import SyntaxTree

from golden.contract.errors import UserError
from golden.hardware.area import GRIDS
from golden.hardware.conditions import CONDITIONS, broken
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.interface import table
from tb.run.sources import RTL, sources_of

SEED = int(os.environ.get("SEED", "1"))
# Asked of parameters that a module's user inside the RTL sets, not the configuration.
INNER = {
    "psf_read_dma: Clients must be at least 2",
    "psf_read_dma: MaxBurst must be 1 to 256 words",
    "psf_weight_bank: TagWidth must be at least 1",
    "psf_descriptor_fetch: Depth must be a power of two and at least 2",  # fixed in psf_program
    "psf_descriptor_fetch: Ahead must be between 1 and Depth",
    "psf_head: Depth must be between 2 and 256",  # Classes / Lanes, which psf_datapath checks
}
# Asked of how the integrator uses the bus, which no program depends on: what breaks each of them.
BUS = {
    "psf_accel: AxiId must be a number of AxiIdWidth bits, 1 to 32": (
        {"AxiIdWidth": 0}, {"AxiIdWidth": 33}, {"AxiIdWidth": 4, "AxiId": 16}, {"AxiId": 2},
    ),
    "psf_accel: AxiAddrWidth must be 32 to 64 bits": ({"AxiAddrWidth": 31}, {"AxiAddrWidth": 65}),
    "psf_accel: AxiOutstanding must be 1, 2, 4, 8 or 16 bursts": (
        {"AxiOutstanding": 0}, {"AxiOutstanding": 3}, {"AxiOutstanding": 32},
    ),
    "psf_accel: AxiCache must have 4 bits, and a cached access must be modifiable": (
        {"AxiCache": 16}, {"AxiCache": 4}, {"AxiCache": 13},
    ),
    "psf_accel: AxiProt must have 3 bits": ({"AxiProt": 8},),
}  # fmt: skip
# What software asks for beyond the RTL (golden.hardware.compile): 9 taps in a patch, and room for
# the sum of two residuals in an accumulator.
SOFTWARE = re.compile(r"hardware (stream_width|patch_lines)=\d+ must lie between")


@pytest.fixture(scope="module")
def elaborate():
    """Configuration, as a dictionary, and what is special of the bus -> the messages of its
    elaboration, empty if it is well."""
    manager = SourceManager()
    trees = [SyntaxTree.fromFile(str(path), manager) for path in sources_of("psf_top")]

    def run(values, **bus):
        options = CompilationOptions()
        options.topModules = {"psf_top"}
        options.paramOverrides = [f"{p.sv}={values[p.name]}" for p in table.PARAMETERS]
        options.paramOverrides += [f"{name}={value}" for name, value in bus.items()]
        bag = Bag()
        bag.compilationOptions = options
        compilation = Compilation(bag)
        for tree in trees:
            compilation.addSyntaxTree(tree)
        errors = [d for d in compilation.getAllDiagnostics() if d.isError()]
        fatal = "DiagCode(FatalTask)"
        return [str(d.args[0])[2:] if str(d.code) == fatal else str(d.code) for d in errors]

    return run


def verdict(values):
    """Why Python refuses a configuration; empty if it does not."""
    try:
        Hardware(**values)
    except UserError as error:
        return str(error)
    return ""


def unchecked(values):
    """A configuration that nobody has checked, with the properties of one."""
    acc_depth = values["acc_depth"]
    width = max(acc_depth - 1, 0).bit_length()
    return SimpleNamespace(**values, index_width=width, slot_width=width + 8)


def values_of(rng, changes):
    """A preset with some parameters at, beside or far from their limits."""
    values = dict(vars(rng.choice(list(CONFIGURATIONS.values()))))
    for p in rng.sample(table.PARAMETERS, changes):
        near = [p.low - 1, p.low, p.low + 1, p.high - 1, p.high, p.high + 1, 0, 3]
        near.append(70_000 if p.high > 1024 else 300)
        values[p.name] = rng.choice([1 << rng.randrange(1, 8), *near])
    wide = values["groups"] * max(values["lanes"], values["banks"])
    if max(wide, values["lanes"] * values["line_words"]) > 2048:  # takes long to elaborate
        return values_of(rng, changes)
    return values


def hold(values, elaborate):
    said, errors = verdict(values), elaborate(values)
    wanted = {m for condition in broken(unchecked(values)) for m in condition.messages}
    found = {e for e in errors if not e.startswith("DiagCode") and "_ram_" not in e} - INNER
    told = f"SEED={SEED} {values}: Python says '{said}', the RTL {errors}"
    assert {m for m in found if not m.startswith(("psf_fifo", "psf_round_robin"))} <= wanted, told
    if not SOFTWARE.match(said):
        assert bool(said) == bool(errors), told


def test_every_condition_of_the_rtl_has_its_twin():
    """Word for word; and nothing in Python that the RTL does not ask for."""
    asked = set()
    for path in RTL.rglob("*.sv"):
        if path.parent.name != "common":
            asked |= set(re.findall(r'\$fatal\(1, "(psf_\w+: [^"]+)"\)', path.read_text()))
    twins = [message for condition in CONDITIONS for message in condition.messages]
    assert len(twins) == len(set(twins))
    assert asked - INNER - BUS.keys() == set(twins)
    assert asked >= INNER | BUS.keys()


@pytest.mark.parametrize("name", [*CONFIGURATIONS, *GRIDS, "2x64", "64x4"])
def test_configurations(name, elaborate):
    assert elaborate(vars(Hardware.named(name))) == []


def test_use_of_the_bus(elaborate):
    """The widths of addresses and IDs and the numbers of bursts that there are, and no other."""
    values = vars(CONFIGURATIONS["2x8"])
    good = [{"AxiAddrWidth": n, "AxiOutstanding": m} for n, m in zip((32, 33, 40, 63, 64),
            (1, 2, 4, 8, 16), strict=True)]  # fmt: skip
    good += [{"AxiIdWidth": 4, "AxiId": 15}, {"AxiIdWidth": 32, "AxiCache": 15, "AxiProt": 7}]
    for bus in good:
        assert elaborate(values, **bus) == [], bus
    for message, breaks in BUS.items():
        for bus in breaks:
            assert message in elaborate(values, **bus), bus


def test_every_condition_is_reached(elaborate):
    """For each there is a configuration that the RTL refuses in its words and Python, too."""
    rng, left, seen = random.Random(SEED), set(CONDITIONS), 0
    for tries in range(20_000):
        values = values_of(rng, 1 + tries % 2)
        breaks = broken(unchecked(values))
        if 0 in (values["groups"], values["lanes"], values["banks"]):
            continue  # the modules that would complain are not there
        if not left & set(breaks):
            continue
        errors, seen = elaborate(values), seen + 1
        for condition in breaks:
            missing = set(condition.messages) - set(errors)
            assert not missing, f"SEED={SEED} {values}: not said: {missing}"
        assert verdict(values), values
        left -= set(breaks)
        if not left:
            break
    assert not left, [condition.says for condition in left]
    assert seen <= len(CONDITIONS)


def test_limits_of_every_parameter(elaborate):
    """One parameter at a time, at its limits and beside them."""
    values = dict(vars(CONFIGURATIONS["2x8"]))
    for p in table.PARAMETERS:
        for value in {p.low - 1, p.low, p.high + 1, 3 * p.low + 1}:
            hold(values | {p.name: value}, elaborate)


def test_random_configurations(elaborate):
    rng, both = random.Random(SEED), set()
    for _ in range(24):
        values = values_of(rng, rng.choice((1, 1, 2, 3)))
        hold(values, elaborate)
        both.add(bool(verdict(values)))
    assert both == {True, False}


def test_classes_at_their_limits(elaborate):
    """psf_head would refuse some of them, too, but not in words that name the parameter."""
    says = "psf_datapath: Classes must be 2 to 256 times Lanes, at most 1024"
    values = dict(vars(CONFIGURATIONS["2x8"]))  # 8 lanes
    for classes in (0, 8, 12, 1016, 1024, 1032, 16):
        errors = elaborate(values | {"classes": classes})
        right = classes in (16, 1016, 1024)
        assert (says in errors) is not right, (classes, errors)
        assert bool(verdict(values | {"classes": classes})) is not right, classes
