from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from brevitas_models.data import fetch as module
from brevitas_models.data.fetch import CHECKSUMS, fetch
from brevitas_models.errors import ModelError

FILES = {"a.gz": b"first file", "b.gz": b"second file" * 1000}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for a server."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    monkeypatch.setitem(CHECKSUMS, "set", {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()})
    return folder


def url(folder: Path) -> str:
    return f"{folder.as_uri()}/"


def test_files_arrive_whole(mirror: Path, tmp_path: Path) -> None:
    files = fetch("set", tmp_path / "data", [url(mirror)])
    assert [file.read_bytes() for file in files] == list(FILES.values())
    assert sorted(path.name for path in (tmp_path / "data" / "set").iterdir()) == sorted(FILES)


def test_what_is_there_and_right_is_not_fetched_again(mirror: Path, tmp_path: Path) -> None:
    fetch("set", tmp_path, [url(mirror)])
    assert fetch("set", tmp_path, []) == [tmp_path / "set" / name for name in FILES]
    (tmp_path / "set" / "a.gz").write_bytes(b"damaged")
    fetch("set", tmp_path, [url(mirror)])
    assert (tmp_path / "set" / "a.gz").read_bytes() == FILES["a.gz"]


def test_a_bad_mirror_is_passed_over(mirror: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.gz").write_bytes(b"something else")
    files = fetch("set", tmp_path / "data", [url(bad), url(tmp_path / "absent"), url(mirror)])
    assert files[0].read_bytes() == FILES["a.gz"]


def test_wrong_bytes_leave_nothing_behind(mirror: Path, tmp_path: Path) -> None:
    (mirror / "a.gz").write_bytes(FILES["a.gz"][:-1])
    with pytest.raises(ModelError, match=r"a.gz: no mirror gave the original; .*expected checksum \w{32}.*\(9 bytes\)"):
        fetch("set", tmp_path / "data", [url(mirror)])
    assert list((tmp_path / "data" / "set").iterdir()) == []


def test_an_unknown_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fetch: expected one of mnist, cifar10, svhn, speech, got 'imagenet'"):
        fetch("imagenet", tmp_path)


def test_every_mirrored_set_has_checksums() -> None:
    assert set(module.MIRRORS) == set(CHECKSUMS) == {"mnist", "cifar10", "svhn", "speech"}
    assert all(len(digest) in (32, 64) for files in CHECKSUMS.values() for digest in files.values())
    assert set(CHECKSUMS["mnist"]) == {
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    }
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in module.MIRRORS["mnist"])


def test_an_archive_is_unpacked_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with tarfile.open(mirror / "set.tar.gz", "w:gz") as tar:
        for name, content in (("inner/one.bin", b"first"), ("../outside", b"never")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((mirror / "set.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setitem(CHECKSUMS, "set", {"set.tar.gz": digest})
    monkeypatch.setitem(module.MEMBERS, "set.tar.gz", ("inner/one.bin",))
    files = fetch("set", tmp_path / "data", [url(mirror)])
    assert [file.name for file in files] == ["set.tar.gz", "one.bin"] and files[1].read_bytes() == b"first"
    assert not (tmp_path / "data" / "outside").exists()
    monkeypatch.setitem(module.MEMBERS, "set.tar.gz", ("inner/two.bin",))
    with pytest.raises(ModelError, match="expected an archive with inner/two.bin"):
        fetch("set", tmp_path / "data", [url(mirror)])
