# SPDX-License-Identifier: Apache-2.0
"""What the system does to a user ends in one sentence and status 2; a fault of ours does not."""

import errno
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from golden.cli import main as program
from golden.cli.border import explain
from golden.contract.paths import ROOT
from golden.tests.cli.processes import PSF, heard

SMALL = ["--random", "dim=16,depth=1,heads=2"]


def psf(*arguments, **options):
    return subprocess.run(
        [*PSF, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, **options
    )


def told(done, *words):
    """One sentence, status 2."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_a_file_that_cannot_grow(tmp_path):
    """As on a full disk: the write fails in the middle."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    told(psf("traffic", *SMALL, "--out", tmp_path / "a.json", preexec_fn=limit), "a.json", "room")
    told(psf("compile", "--images", 1, "--out", tmp_path / "v", preexec_fn=limit), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_full():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PSF, "data", "list"], cwd=ROOT, stdout=full, stderr=-1, text=True, check=False
        )
    told(done, "No space left")


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "another place"), (errno.EISDIR, "x.json")],
)
def test_errors_of_the_system(monkeypatch, capsys, number, word):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "x.json")

    monkeypatch.setattr(program, "app", refuse)
    with pytest.raises(SystemExit) as ended:
        program.main(["data", "list"])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and word in error and error.count("\n") == 1


def test_a_name_that_no_terminal_shows(capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["energy", "--checkpoint", "a\x85b\nc\x0b.safetensors"])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and len(error.splitlines()) == 1
    assert r"a\x85b c\x0b.safetensors does not exist" in error


def test_faults_of_ours_are_not_hidden():
    assert explain(ZeroDivisionError()) is None
    assert explain(ModuleNotFoundError("x", name="golden.lab.nothing")) is None
    assert explain(ModuleNotFoundError("x", name="jinja2.ext"))[0] == 2
    assert explain(MemoryError())[0] == 2


def test_names_beyond_ascii_in_the_c_locale(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    environment |= {"LC_ALL": "C", "LANG": "C"}
    out = tmp_path / "h\u00f6he \u9ad8" / "a.json"
    done = psf("traffic", *SMALL, "--out", out, env=environment)
    assert done.returncode == 0, done.stderr
    assert out.is_file()
    config = tmp_path / "gr\u00f6\u00dfe.toml"
    config.write_text("gr\u00f6\u00dfe = 1\n")
    told(psf("train", "--config", config, env=environment), "gr\u00f6\u00dfe")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_one_line(tmp_path, number):
    process = subprocess.Popen(
        [*PSF, "compile", "--images", "4000", "--out", tmp_path / "v"],
        cwd=ROOT, stdout=-1, stderr=-1, text=True, preexec_fn=heard,
    )  # fmt: skip
    while process.poll() is None and _seconds_of(process.pid) < 3:  # well into its work
        time.sleep(0.05)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number, out + error
    *progress, last = error.splitlines()
    assert last == "error: stopped; what was not finished is not written"
    assert all(line.startswith("compiling: ") for line in progress)
    assert list(tmp_path.iterdir()) == []


def _seconds_of(pid: int) -> float:
    """CPU time of a process so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
