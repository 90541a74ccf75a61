"""write_files: all files or none, and one line when it fails."""

import errno
import os
import re
import stat

import pytest

from tilewright.base import TilewrightError, files, write_files

TEXTS = {"one.v": "module one;\n", "two.json": '{"é": 1}\n'}


def test_writes_utf8_into_a_folder_it_makes_and_returns_the_paths(tmp_path):
    folder = tmp_path / "some" / "where"
    assert write_files(folder, TEXTS) == [folder / "one.v", folder / "two.json"]
    assert {path.name: path.read_bytes().decode() for path in folder.iterdir()} == TEXTS


def test_replaces_existing_files_and_leaves_other_files_alone(tmp_path):
    (tmp_path / "one.v").write_text("old and longer than the new text")
    (tmp_path / "mine").write_text("mine")
    write_files(tmp_path, TEXTS)
    assert content(tmp_path) == {**TEXTS, "mine": "mine"}


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_permissions_of_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_files(tmp_path, TEXTS)
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o666 & ~umask}


@pytest.mark.parametrize("old", [{}, {"one.v": "old", "two.json": "old"}])
def test_a_full_disk_at_the_second_file_leaves_everything_as_it_was(tmp_path, monkeypatch, old):
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    opened = []

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, text):
            self.file.write(text[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fdopen(*args, real=os.fdopen, **kwargs):
        opened.append(real(*args, **kwargs))
        return opened[-1] if len(opened) == 1 else Full(opened[-1])

    monkeypatch.setattr(files.os, "fdopen", fdopen)
    with pytest.raises(TilewrightError, match=f"^cannot write {re.escape(str(tmp_path))}: No space left on device$"):
        write_files(tmp_path, TEXTS)
    assert content(tmp_path) == old


def test_a_second_file_that_cannot_be_made_leaves_nothing_behind(tmp_path):
    with pytest.raises(TilewrightError, match=r"^cannot write .*: File name too long$"):
        write_files(tmp_path, {"one.v": "1", "x" * 300: "2"})
    assert content(tmp_path) == {}


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine")
    for folder in (path, path / "below"):
        with pytest.raises(TilewrightError) as failure:
            write_files(folder, TEXTS)
        assert re.fullmatch(
            rf"cannot write {re.escape(str(path))}.*: (File exists|Not a directory)", str(failure.value)
        )
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(TilewrightError, match=r"^cannot write .*: File name too long$"):
        write_files(tmp_path / ("x" * 300), TEXTS)
    assert content(tmp_path) == {}


def test_a_read_only_folder_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.geteuid() == 0:  # to whom everything is allowed

        def refuse(dir, prefix):  # noqa: A002 - the name that tempfile gives it
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

        monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(TilewrightError, match=f"^cannot write {re.escape(str(folder))}.*: Permission denied$"):
        write_files(folder, TEXTS)
    assert content(folder) == {}


def content(folder):
    """Every file of a folder, hidden ones too."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_folder_in_the_place_of_a_file_leaves_all_files_as_they_were(tmp_path):
    (tmp_path / "second").mkdir()
    with pytest.raises(TilewrightError, match="second: it is a folder"):
        write_files(tmp_path, {"first": "1", "second": "2"})
    assert [path.name for path in tmp_path.iterdir()] == ["second"]
