# SPDX-License-Identifier: Apache-2.0
"""A file is written whole or not at all, and nothing is left beside it."""

import pytest

from golden.contract.files import replacing, write_json, write_text


def test_a_file_is_made_with_its_folder_and_replaced(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert path.read_text() == '{\n "a": 2\n}\n'
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(TypeError):
        write_json(path, {"a": {1}})
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        assert temporary.suffix == path.suffix and temporary.parent == path.parent
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
