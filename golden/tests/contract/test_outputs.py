# SPDX-License-Identifier: Apache-2.0
"""A command writes to new places and over what it wrote itself; nothing else is touched."""

import json

import pytest

from golden.contract import outputs
from golden.contract.errors import UserError
from golden.contract.files import write_text


def write(path, text, by="psf a", replace=False, **more):
    """What a command does that writes one file."""
    with outputs.recording():
        outputs.begin(by, replace)
        place = outputs.file(path, **more)
        write_text(place, text)
    return place


def refused(sentence, call, *arguments, **options):
    with pytest.raises(UserError, match=sentence) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)


def snapshot(folder):
    return {
        p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")
    }


def test_a_file_of_ones_own_is_replaced_and_no_other(tmp_path):
    path = tmp_path / "new" / "a.json"
    write(path, "one")
    write(path, "two")
    assert path.read_text() == "two"
    refused("was written by `psf a`", write, path, "three", by="psf b")
    path.write_text("edited")
    refused("has changed since", write, path, "four")
    (tmp_path / "mine.json").write_text("precious")
    refused("psf did not write", write, tmp_path / "mine.json", "five")
    assert path.read_text() == "edited" and (tmp_path / "mine.json").read_text() == "precious"
    write(path, "six", replace=True)
    write(path, "seven")
    assert path.read_text() == "seven"
    assert {p.name for p in path.parent.iterdir()} == {"a.json", outputs.MARK}


def test_files_beside_it_count(tmp_path):
    (tmp_path / "a.log").write_text("mine")
    refused("a.log exists", write, tmp_path / "a.safetensors", "", beside=(".json", ".log"))
    assert not (tmp_path / "a.safetensors").exists()


def test_a_command_that_failed_has_written_what_it_wrote(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(ZeroDivisionError), outputs.recording():
        outputs.begin("psf a", False)
        write_text(outputs.file(path), "half of the work")
        raise ZeroDivisionError
    write(path, "all")


def test_without_a_command_any_file_is_replaced(tmp_path):
    (tmp_path / "a.json").write_text("mine")
    assert outputs.file(tmp_path / "a.json") == tmp_path / "a.json"


def test_places_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    refused("is a folder, and a file", outputs.file, tmp_path / "folder.json")
    refused("must end in .json or .txt", outputs.file, tmp_path / "a.png", ".json", ".txt")
    refused(r"file is a file, so that", outputs.file, tmp_path / "file" / "below" / "a.json")
    refused("not a regular file", outputs.file, "/dev/full")
    refused("too long", outputs.file, tmp_path / f"{'x' * 250}.json")
    for place in (outputs.folder, outputs.may_run, outputs.run):
        refused("is a file, and a folder", place, tmp_path / "file")
        refused("is a file, so that", place, tmp_path / "file" / "below")


def test_a_link_is_followed(tmp_path):
    target = tmp_path / "data" / "a.json"
    write(target, "one")
    (tmp_path / "a.json").symlink_to(target)
    assert write(tmp_path / "a.json", "two") == target
    assert (tmp_path / "a.json").is_symlink() and target.read_text() == "two"


def fill(path, by="psf a", **files):
    with outputs.recording():
        outputs.begin(by, False)
        with outputs.writing(path) as part:
            for name, text in files.items():
                (part / name).parent.mkdir(exist_ok=True)
                (part / name).write_text(text)


def test_a_folder_is_written_anew(tmp_path):
    path = tmp_path / "out"
    fill(path, a="1", b="2")
    fill(path, **{"a": "3", "below/c": "4"})
    assert snapshot(path).keys() - {path} and {p.name for p in path.rglob("*")} == {
        "a", "below", "c", outputs.MARK
    }  # fmt: skip
    assert (path / "a").read_text() == "3" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ZeroDivisionError), outputs.writing(path) as part:
        (part / "a").write_text("half")
        raise ZeroDivisionError
    assert (path / "a").read_text() == "3" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["new", "edited", "link", "below", "mark"])
def test_a_folder_with_anything_of_the_users_stays(tmp_path, change):
    path = tmp_path / "out"
    fill(path, a="1", b="2")
    if change == "new":
        (path / "notes.txt").write_text("precious")
    elif change == "edited":
        (path / "b").write_text("mine")
    elif change == "link":
        (path / "b").unlink()
        (path / "b").symlink_to(path / "a")
    elif change == "below":
        (path / "x" / "y").mkdir(parents=True)
        (path / "x" / "y" / "z").write_text("")
    else:
        (path / outputs.MARK).unlink()
    before = snapshot(tmp_path)
    refused(f"{path} holds ", fill, path, a="3")
    assert snapshot(tmp_path) == before


def test_a_folder_of_another_command_stays(tmp_path):
    fill(tmp_path / "out", a="1")
    refused("holds what `psf a` wrote", fill, tmp_path / "out", by="psf b", a="3")


def test_what_appears_during_the_work_stays(tmp_path):
    path = tmp_path / "out"
    fill(path, a="1")
    with pytest.raises(UserError, match="holds new"), outputs.writing(path) as part:
        (part / "a").write_text("2")
        (path / "new").write_text("precious")
    assert (path / "a").read_text() == "1" and (path / "new").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_the_current_folder_is_no_place(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in (".", "..", tmp_path / "here", "/"):
        refused("current folder", outputs.folder, name)


def test_a_run_has_a_folder_of_its_own(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    refused("holds notes.txt and is no run folder", outputs.run, tmp_path / "mine")
    with outputs.recording():
        run = outputs.run(tmp_path / "run")
        with outputs.recording():
            refused("another process works in", outputs.run, run)
    (run / "log.txt").write_text("of the run")
    with outputs.recording():
        assert outputs.run(run) == run
    assert json.loads((run / outputs.MARK).read_text()) == {outputs.KEY: {}}
