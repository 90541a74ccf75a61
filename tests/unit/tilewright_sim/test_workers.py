"""Tasks on workers: what tells two versions of the sources apart, on machines with other folders."""

import contextlib
import shutil
import socket
import warnings

import pytest

from tilewright_sim.workers import cluster, digest


def test_equal_sources_have_one_digest_wherever_they_are(tmp_path):
    """Files of one name in several folders have no order that depends on the machine or the process."""
    for number in range(8):
        (tmp_path / "a" / str(number)).mkdir(parents=True)
        (tmp_path / "a" / str(number) / "__init__.py").write_text(f"{number}\n")
    copies = [tmp_path / name for name in "bcdef"]
    for copy in copies:
        shutil.copytree(tmp_path / "a", copy)
    assert len({digest([copy]) for copy in copies}) == 1
    (copies[0] / "3" / "__init__.py").write_text("other\n")
    assert digest([copies[0]]) != digest([copies[1]])


@pytest.mark.parametrize("name", ["a.py", "b.sv", "c.h", "d.c", "e.vlt", "f.hpp", "g.js"])
def test_every_kind_of_source_counts(name, tmp_path):
    (tmp_path / name).write_text("1")
    before = digest([tmp_path])
    (tmp_path / name).write_text("2")
    assert digest([tmp_path]) != before


def test_files_that_nothing_depends_on_do_not_count(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = digest([tmp_path])
    (tmp_path / "notes.txt").write_text("2")
    assert digest([tmp_path]) == before
    assert digest([tmp_path / "a.py"]) == before


def test_workers_do_not_mind_that_the_usual_port_is_taken():
    """As it is by those of another command."""
    with socket.socket() as taken, warnings.catch_warnings():
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # by somebody else: just as well
            taken.bind(("", 8787))
        taken.listen()
        warnings.simplefilter("error", UserWarning)
        with cluster(None, 1) as workers:
            assert workers.submit(int, "3").result() == 3
