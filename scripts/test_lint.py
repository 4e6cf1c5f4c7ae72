# SPDX-License-Identifier: Apache-2.0
"""The checks of `make lint` that are rules of this project find what they are for."""

import pytest

from scripts import lint

pytestmark = pytest.mark.smoke

GOOD = """
module psf_x;
  if (Depth < 2) begin : gen_bad_depth
    $fatal(1, "psf_x: Depth must be at least 2");
  end
  always_ff @(posedge clk_i) begin
    assert (valid_q) else $error("psf_x: lost");
  end
endmodule
"""


def test_the_spelling_of_elaboration_errors():
    assert lint.misspelt_errors("rtl/psf_x.sv", GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("$fatal(1, ", "$error(", 1),
        ("psf_x: Depth", "psf_y: Depth", 1),
        ("must be", "should be", 1),
        ("at least 2", "at least 2.", 1),
        (": gen_bad_depth", "", 1),
        ("begin : gen_bad_depth", "begin : gen_bad_depth $info(Depth);", 2),
    ],
)
def test_another_spelling_is_found(old, new, found):
    assert old in GOOD
    assert len(lint.misspelt_errors("rtl/psf_x.sv", GOOD.replace(old, new))) == found


@pytest.mark.parametrize(
    "source",
    ["import_module(name)", "importlib.import_module(name)", "x = __import__('os')"],
)
def test_modules_loaded_by_name_are_found(source):
    assert len(lint.loads_by_name("golden/x.py", source)) == 1


def test_plain_imports_are_not():
    source = "from importlib import metadata\nmetadata.version('numpy')\n"
    assert lint.loads_by_name("golden/x.py", source) == []
