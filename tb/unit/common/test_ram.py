# SPDX-License-Identifier: Apache-2.0
"""RAM wrappers: registered, asynchronous, with lane enables; depths that are no power of two."""

import pytest

from tb.run import runner

CASES = [
    ("psf_ram_1r1w", {"Width": 9, "Depth": 5}),
    ("psf_ram_1r1w", {"Width": 1, "Depth": 2}),
    ("psf_ram_1r1w", {"Width": 12, "Depth": 7, "ReadFirst": 1}),
    ("psf_ram_1r1w", {"Width": 40, "Depth": 256}),
    ("psf_ram_parity", {"Width": 9, "Depth": 5}),
    ("psf_ram_parity", {"Width": 40, "Depth": 16}),
    ("psf_ram_async", {"Width": 20, "Depth": 12}),
    ("psf_ram_1r1w_be", {"Lanes": 4, "LaneWidth": 6, "Depth": 11}),
    ("psf_ram_1r1w_be", {"Lanes": 1, "LaneWidth": 8, "Depth": 2}),
]


def _id(value: str | dict[str, int]) -> str:
    return value if isinstance(value, str) else "x".join(map(str, value.values()))


@pytest.mark.parametrize(("module", "parameters"), CASES, ids=_id)
def test_ram(module: str, parameters: dict[str, int]) -> None:
    depth = parameters["Depth"]
    plusargs = [f"+depth={depth}", *["+read_first"] * parameters.get("ReadFirst", 0)]
    runner.run(module, "tb.unit.common.ram_tests", parameters, plusargs=plusargs)


@pytest.mark.parametrize(
    "module", ["psf_ram_1r1w", "psf_ram_parity", "psf_ram_async", "psf_ram_1r1w_be"]
)
def test_bad_depth_is_refused(module: str) -> None:
    with pytest.raises(runner.BuildFailed, match="Depth must be at least 2"):
        runner.run(module, "tb.unit.common.ram_tests", {"Depth": 1}, plusargs=["+depth=1"])
