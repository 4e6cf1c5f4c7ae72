# SPDX-License-Identifier: Apache-2.0
"""Data of one's own: the right pixels, labels and split, and one sentence for what can be wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golden.contract.errors import UserError
from golden.lab import data

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


def picture(path, value, size=(6, 5), mode=None):
    """`value` is a grey level or a colour; size (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode or ("L" if isinstance(value, int) else "RGB"), size, value).save(path)


@pytest.fixture
def split_folder(tmp_path):
    """train/ and test/ with three colours; the red of an image is 250, or its number."""
    for split, count in (("train", 4), ("test", 2)):
        for name, colour in COLOURS.items():
            for i in range(count):
                suffix = "jpg" if split == "test" else "png"
                picture(tmp_path / split / name / f"{i}.{suffix}", colour)
    return tmp_path


@pytest.fixture
def digits(tmp_path):
    """Ten grey images of each of '2', '10' and '7', without a split; image i has value 20 i."""
    for name in ("2", "10", "7"):
        for i in range(10):
            picture(tmp_path / "digits" / name / f"{i}.png", 20 * i)
    (tmp_path / "digits/2/.DS_Store").write_bytes(b"\0")
    return tmp_path / "digits"


def test_a_folder_with_a_split(split_folder):
    entry = data.facts(f"folder:{split_folder}")
    assert entry.labels == ("blue", "green", "red")
    assert (entry.channels, entry.height, entry.width, entry.timesteps) == (3, 5, 6, 0)
    for split, count in (("train", 12), ("test", 6)):
        found = data.load(str(split_folder), split)
        assert found.images.dtype == np.uint8 and found.images.shape == (count, 3, 5, 6)
        assert found.labels.dtype == np.int64
        for image, label in zip(found.images, found.labels, strict=True):
            wanted = np.array(COLOURS[entry.labels[label]])
            assert abs(image.mean((1, 2)) - wanted).max() < 6  # a JPEG is nearly it
    assert len(set(data.load(str(split_folder), "train").labels[:5])) > 1  # not class by class


def test_a_split_is_made_by_the_seed_and_stays(digits):
    name = f"{digits},test=0.3"
    entry = data.facts(name)
    assert entry.labels == ("2", "7", "10") and "seed 1" in entry.title
    assert entry.name == f"folder:{digits},test=0.3"

    def members(name):
        parts = [data.load(name, split) for split in ("train", "test")]
        return [set(zip(p.labels, p.images[:, 0, 0, 0], strict=True)) for p in parts]

    train, test = members(name)
    assert len(train) == 21 and len(test) == 9 and not train & test
    assert {label for label, _ in test} == {0, 1, 2}
    assert members(name) == [train, test]
    assert members(f"{name},seed=2") != [train, test]
    picture(digits / "7" / "new.png", 255)
    more_train, more_test = members(name)  # a new image moves no other one to the other side
    assert len((more_train | more_test) - (train | test)) == 1
    assert len(test - more_test) + len(train - more_train) <= 1


def test_classes_size_and_colour_can_be_chosen(digits, split_folder):
    entry = data.facts(f"{digits},classes=10+2,resize=3x4,channels=3")
    assert entry.labels == ("10", "2") and (entry.channels, entry.height, entry.width) == (3, 3, 4)
    found = data.load(entry.name, "train")
    assert found.images.shape == (16, 3, 3, 4) and set(found.labels) == {0, 1}
    grey = data.load(f"{split_folder},channels=1", "train")
    luma = {round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in COLOURS.values()}
    assert set(grey.images.ravel().tolist()) == luma


def test_kinds_of_png(tmp_path):
    picture(tmp_path / "a/1.png", 200)
    picture(tmp_path / "a/2.png", 1, mode="1")
    picture(tmp_path / "b/1.png", (255, 128), mode="LA")
    picture(tmp_path / "b/2.png", 7)
    images = {split: data.load(f"{tmp_path},test=0.5", split).images for split in ("train", "test")}
    values = np.concatenate(list(images.values()))[:, 0, 0, 0]
    assert sorted(values.tolist()) == [7, 128, 200, 255]  # half transparent white on black


def write_idx(path, array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


IMAGES = np.arange(20 * 3 * 4).reshape(20, 3, 4).astype(np.uint8)
LABELS = np.arange(20) % 4 + 1


def test_idx(tmp_path):
    for split, part in (("train", slice(0, 12)), ("t10k", slice(12, 20))):
        write_idx(tmp_path / f"{split}-images-idx3-ubyte.gz", IMAGES[part])
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte", LABELS[part])
    entry = data.facts(str(tmp_path))
    assert entry.name == f"idx:{tmp_path}" and entry.labels == ("1", "2", "3", "4")
    test = data.load(entry.name, "test")
    order = np.argsort(test.images[:, 0, 0, 0])
    assert (test.images[order, 0] == IMAGES[12:]).all()
    assert (test.labels[order] == LABELS[12:] - 1).all()
    write_idx(tmp_path / "other-train-images-idx3-ubyte", IMAGES)
    with pytest.raises(UserError, match=r"both the images .train.: name one data set as"):
        data.facts(str(tmp_path))
    assert data.facts(f"idx:{tmp_path}/t").labels == entry.labels


def test_npz(tmp_path):
    path = tmp_path / "mine.npz"
    colour = np.stack([IMAGES] * 3, 3).astype(np.int64)
    names = np.array([["one", "two", "three", "four"][i - 1] for i in LABELS])
    np.savez(path, x_train=colour, y_train=names[:, None], x_test=colour[:4], y_test=names[:4])
    entry = data.facts(str(path))
    assert entry.labels == ("four", "one", "three", "two")
    assert (entry.channels, entry.height, entry.width) == (3, 3, 4)
    test = data.load(str(path), "test")
    assert sorted(test.images[:, 2, 0, 0].tolist()) == [0, 12, 24, 36]
    assert [entry.labels[i] for i in test.labels[np.argsort(test.images[:, 0, 0, 0])]] == [
        "one", "two", "three", "four",
    ]  # fmt: skip
    np.savez(path, images=IMAGES, labels=LABELS - 1, classes=np.array(["a", "b", "c", "d"]))
    assert data.facts(f"npz:{path}").labels == ("a", "b", "c", "d")
    assert len(data.load(str(path), "train").labels) == 16


NPZ_MISTAKES = {
    "pixels are 0 to 255": {"images": IMAGES.astype(np.int16) + 200},
    "save the pixels as integers": {"images": IMAGES / 255},
    "20 images but 19 labels": {"labels": LABELS[1:]},
    "has shape": {"images": IMAGES[..., None, None]},
    "labels are": {"labels": LABELS / 2},
    "one class only, '1'": {"labels": np.ones(20, int)},
    "has label 1": {"classes": np.array(["a"]), "labels": LABELS - 1},
    "it needs x_train": {"images": None},
    "cannot be read as .npz, arrays of numbers": {"labels": np.array([None] * 20)},
}


@pytest.mark.parametrize("sentence", NPZ_MISTAKES)
def test_broken_npz(tmp_path, sentence):
    arrays = {"images": IMAGES, "labels": LABELS} | NPZ_MISTAKES[sentence]
    path = tmp_path / "mine.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(UserError, match=sentence) as caught:
        data.facts(str(path))
    assert "mine.npz" in str(caught.value) and "\n" not in str(caught.value)


def _cut(root: Path) -> None:
    path = root / "train/red/1.png"
    path.write_bytes(path.read_bytes()[:40])


FOLDER_MISTAKES = {
    "1.png cannot be read as PNG or JPEG": _cut,
    "red/1.png cannot be read as PNG or JPEG": lambda r: (r / "train/red/1.png").write_bytes(b""),
    "red/9.png is 7x7 colour, .*resize=5x6": lambda r: picture(
        r / "train/red/9.png", (1, 2, 3), (7, 7)
    ),
    "red/9.png is 5x6 grey, .*channels=1": lambda r: picture(r / "train/red/9.png", 3),
    "not 8 bits wide": lambda r: picture(r / "train/red/9.png", 3, mode="I;16"),
    "train/red/notes.txt is neither PNG nor JPEG": lambda r: (r / "train/red/notes.txt").write_text(
        "red"
    ),
    "train/yellow has no images": lambda r: (r / "train/yellow").mkdir(),
    "test/yellow: there is no such class in": lambda r: picture(r / "test/yellow/1.png", (9, 9, 9)),
    "has no folders of classes": lambda r: [p.rename(r / p.name) for p in (r / "test").iterdir()],
    "has train and val, but not both": lambda r: (r / "test").rename(r / "val"),
}


@pytest.mark.parametrize("sentence", FOLDER_MISTAKES)
def test_broken_folders(split_folder, sentence):
    FOLDER_MISTAKES[sentence](split_folder)
    with pytest.raises(UserError, match=sentence) as caught:
        data.load(str(split_folder), "train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("{}/nowhere", "nowhere does not exist"),
        ("npz:{}", "does not exist"),
        ("idx:{}", "holds no IDX files"),
        ("{},size=3", "no option 'size'; known are resize, channels"),
        ("{},resize=3", "resize=3 must be HEIGHTxWIDTH"),
        ("{},resize=0x9", "resize=0x9 must be"),
        ("{},test=1", "test=1 must be a share"),
        ("{},seed=-1", "seed=-1 must be a whole number"),
        ("{},channels=2", "channels=2 must be 1"),
        ("{},classes=red", "classes=red must be two or more"),
        ("{},classes=red+pink", "has no class 'pink'; it has blue, green, red"),
        ("{},test=0.5,test=0.6", "an option twice"),
    ],
)
def test_wrong_places(split_folder, name, sentence):
    with pytest.raises(UserError, match=sentence):
        data.facts(name.format(split_folder))


def test_names_that_are_no_text(digits):
    odd = digits / "7\udcff"  # a byte that is no UTF-8
    (digits / "7").rename(odd)
    with pytest.raises(UserError, match="cannot be printed: rename it"):
        data.facts(str(digits))
    odd.rename(digits / "sieben \u4e03")
    assert data.facts(str(digits)).labels == ("10", "2", "sieben \u4e03")
    (digits / "2/1.png").rename(digits / "2/1\udcff.png")
    assert len(data.load(str(digits), "train").labels) == 24


def test_few_images(digits):
    for path in (digits / "7").iterdir():
        if path.stem != "3":
            path.unlink()
    with pytest.raises(UserError, match="class '7' has 1 images, too few"):
        data.load(str(digits), "test")
    for name in ("2", "10"):
        (digits / name).rename(digits.parent / name)
    with pytest.raises(UserError, match="one class only, '7'"):
        data.load(str(digits), "test")


def test_damaged_bytes_never_end_in_anything_but_a_sentence(tmp_path):
    """Bytes changed, cut off or shifted in every kind of file: right, or a UserError."""
    for name in "ab":
        for i, suffix in enumerate(("jpg", "png", "png")):
            picture(tmp_path / "f" / name / f"{i}.{suffix}", 40 * i + 5, size=(20, 15))
    (tmp_path / "i").mkdir()
    write_idx(tmp_path / "i/images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "i/labels-idx1-ubyte", LABELS)
    np.savez_compressed(tmp_path / "c.npz", images=IMAGES, labels=LABELS)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    rng, refused = np.random.default_rng(1), 0
    for _ in range(150):
        path = files[rng.integers(len(files))]
        place = tmp_path / path.relative_to(tmp_path).parts[0]
        whole = path.read_bytes()
        content = bytearray(whole[rng.integers(3) :])
        content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content[: len(content) - int(rng.integers(40))])
        try:
            assert data.load(str(place), "train").images.dtype == np.uint8
        except UserError as error:
            assert "\n" not in str(error) and place.name in str(error)
            refused += 1
        path.write_bytes(whole)
    assert refused > 50


def test_names_are_absolute_and_relative_to_a_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data.absolute("cifar10") == "cifar10"
    assert data.absolute("./a,b") == f"folder:{tmp_path}/a,b"
    assert data.absolute("folder:a,seed=3,test=0.5", Path("/x")) == "folder:/x/a,test=0.5,seed=3"
    assert data.absolute("../a.npz", Path("/x/y")) == "npz:/x/a.npz"
    name = "folder:/x,resize=3x4,channels=1,classes=a+b,test=0.1,seed=0"
    assert data.absolute(name) == name
    with pytest.raises(UserError, match=r"places of your own as in ./mnist"):
        data.facts("mnist")
