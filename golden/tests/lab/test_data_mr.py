# SPDX-License-Identifier: Apache-2.0
"""The reader of MR, on files written here; the real ones where they are."""

import re

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.lab import data
from golden.lab.data import mr


def write(folder, positive=40, negative=30):
    """Sentence i of a class begins with a word of its own; bytes as in the original files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, word, count in (("pos", "caf\xe9", positive), ("neg", "bad", negative)):
        lines = [f"{word}{i} \x96 it is\x85 so ." for i in range(count)]
        (folder / f"rt-polarity.{name}").write_bytes("\n".join([*lines, ""]).encode("latin-1"))
    return folder


def test_folds_share_out_all_sentences(tmp_path):
    folder, tests = write(tmp_path), []
    for fold in range(10):
        parts = {split: mr.load(split, fold, folder) for split in mr.SPLITS}
        firsts = {name: [words[0] for words in part.words] for name, part in parts.items()}
        everything = [word for words in firsts.values() for word in words]
        assert len(everything) == len(set(everything)) == 70
        assert [len(firsts[name]) for name in ("train", "validation", "test")] == [56, 7, 7]
        for name, part in parts.items():
            assert part.labels.dtype == np.int64
            assert part.labels.tolist() == [int(w.startswith("caf\xe9")) for w in firsts[name]]
            assert 0 < part.labels.mean() < 1
        tests += firsts["test"]
        following = mr.load("test", (fold + 1) % 10, folder)
        assert following.words == parts["validation"].words
    assert len(set(tests)) == 70
    again = mr.load("test", 9, folder)
    assert [words[0] for words in again.words] == firsts["test"]


def test_the_split_is_the_same_forever(tmp_path):
    """Numbers of numpy's RandomState, whose stream never changes; computed here by themselves."""
    folder = write(tmp_path, 20, 20)
    state = np.random.RandomState(2005)
    negative, positive = state.permutation(20), state.permutation(20)
    expected = {f"bad{i}" for i in range(20) if negative[i] % 10 == 3}
    expected |= {f"caf\xe9{i}" for i in range(20) if positive[i] % 10 == 3}
    assert {words[0] for words in mr.load("test", 3, folder).words} == expected


def test_words_and_lines(tmp_path):
    """0x85 is a character of the original files, not the end of a line."""
    found = mr.load("train", 0, write(tmp_path))
    assert {tuple(words[1:]) for words in found.words} == {("\x96", "it", "is", "so", ".")}
    short = found.first(3)
    assert short.words == found.words[:3] and len(short.labels) == 3
    assert len(found.first(0).words) == 56


def test_mistakes(tmp_path, monkeypatch):
    folder = write(tmp_path / "mr")
    monkeypatch.setenv("MR_DIR", str(tmp_path / "nowhere"))
    missing = f"{tmp_path}/nowhere/rt-polarity.neg does not exist.*with MR_DIR"
    cases = [
        (missing, lambda: mr.load("test")),
        ("there is no split 'dev' of MR", lambda: mr.load("dev", 0, folder)),
        ("there is no fold 10 of MR: choose 0 to 9", lambda: mr.load("test", 10, folder)),
        ("mr has sentences, and images are needed", lambda: data.load("mr", "test")),
    ]
    for sentence, call in cases:
        with pytest.raises(UserError, match=sentence) as error:
            call()
        assert "\n" not in str(error.value)
    path = folder / "rt-polarity.pos"
    for content, sentence in (
        (b"\x1f\x8b\x08\x00\x00", "is no text, as the sentences of MR are: fetch"),
        (b"\n \n", "holds no sentence: fetch"),
        (b"", "holds no sentence: fetch"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=re.escape(f"{path} {sentence}")):
            mr.load("test", 0, folder)
    with pytest.raises(UserError, match="has too few sentences for 10 folds"):
        mr.load("test", 9, write(tmp_path / "few", 2, 2))


def test_the_original():
    if mr.FACTS.missing(mr.FACTS.folder):
        pytest.skip("MR is not there: name its folder with MR_DIR")
    parts = [mr.load(split) for split in mr.SPLITS]
    assert [len(part.words) for part in parts] == [8528, 1066, 1068]
    assert sum(int(part.labels.sum()) for part in parts) == 5331
