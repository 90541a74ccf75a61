"""Proofs of the DMA engines; see docs/verification.md. `test_bugs.py` has a bug for each rule."""

import pytest
from formal.dma.proofs import FAULTS, QUIET, SINGLE, WIDE, planner, reader, reader_rules, tiny, writer, writer_rules
from support.formal.prove import prove

LONG = {
    "addr_bits": 32,
    "data_bits": 64,
    "max_burst": 16,
    "length_bits": 20,
    "rows_bits": 4,
    "stride_bits": 20,
}
ENGINES = [pytest.param(reader, id="read"), pytest.param(writer, id="write")]


def late(*values, **options):
    return pytest.param(*values, marks=pytest.mark.long, **options)


@pytest.mark.parametrize("fields", [WIDE, LONG, {**LONG, "unaligned": True}], ids=["wide", "long", "unaligned"])
def test_no_burst_passes_4_kib(fields, tmp_path):
    proof, free = planner(tiny(**fields))
    prove(proof, tmp_path, free=free, depth=3, mode="prove")


@pytest.mark.parametrize("unaligned", [False, True])
@pytest.mark.parametrize("engine", [reader_rules, writer_rules])
def test_offers_are_held_and_bursts_are_legal(engine, unaligned, tmp_path):
    proof, free = engine(tiny(unaligned=unaligned))
    prove(proof, tmp_path, free=free, depth=4, mode="prove")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(LONG, id="long"),
        pytest.param({"unaligned": True, "outstanding": 3}, id="three"),
        late({"unaligned": True, "outstanding": 1}, id="one"),
        late({"unaligned": True, "outstanding": 2}, id="two"),
        late({"unaligned": True, "outstanding": 4}, id="four"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_never_has_too_much_outstanding_and_loses_no_request(engine, fields, tmp_path):
    """For ever, with faulty requests, error responses and an abort; the reader's buffer is never full for a beat."""
    proof, free = engine(tiny(**fields), **FAULTS, inductive=True)
    prove(proof, tmp_path, free=free, depth=3, mode="prove")


@pytest.mark.parametrize(
    ("engine", "fields", "quiet"),
    [
        pytest.param(reader, {}, QUIET[reader], id="read"),
        pytest.param(writer, {}, 18, id="write"),  # solved sooner than 12
        late(writer, {}, QUIET[writer], id="write-closely"),
        late(reader, {"outstanding": 1}, 10, id="read-one"),
        late(reader, {"outstanding": 3}, 10, id="read-three"),
        late(writer, {"outstanding": 1}, 18, id="write-one"),
        late(writer, {"outstanding": 3}, 18, id="write-three"),
        late(writer, {"unaligned": True}, 18, id="write-unaligned"),
    ],
)
def test_keeps_moving_through_faults_errors_and_aborts(engine, fields, quiet, tmp_path):
    """For ever, under a fair environment: the induction is longer than the longest quiet."""
    proof, free = engine(tiny(**fields), **FAULTS, fair=quiet, inductive=True)
    prove(proof, tmp_path, free=free, depth=quiet + 2, mode="prove", timeout=300)


@pytest.mark.long
@pytest.mark.parametrize(
    ("engine", "fields", "depth"),
    [
        (reader, {}, 14),
        (reader, {"unaligned": True}, 12),
        (writer, {}, 11),
        (writer, {"unaligned": True}, 10),
    ],
    ids=["read", "read-unaligned", "write", "write-unaligned"],
)
def test_moves_every_byte_once_and_in_order(engine, fields, depth, tmp_path):
    proof, free = engine(tiny(**fields))
    prove(proof, tmp_path, free=free, depth=depth, timeout=600)


@pytest.mark.parametrize(("engine", "fields", "depth"), [(reader, {}, 12), (writer, SINGLE, 12)], ids=["read", "write"])
def test_moves_every_byte_after_an_abort(engine, fields, depth, tmp_path):
    proof, free = engine(tiny(**fields), abort=True)
    prove(proof, tmp_path, free=free, depth=depth)


@pytest.mark.parametrize(("engine", "fields", "depth"), [(reader, {}, 16), (writer, SINGLE, 18)], ids=["read", "write"])
def test_moves_every_byte_after_an_error(engine, fields, depth, tmp_path):
    """While the error is in hand, the reader keeps the number of words, all zero or right."""
    proof, free = engine(tiny(**fields), errors=True, brisk=True)
    prove(proof, tmp_path, free=free, depth=depth)


@pytest.mark.long
@pytest.mark.parametrize(
    ("engine", "fields", "depth", "options"),
    [
        (reader, {}, 13, {"abort": True}),
        (reader, {}, 13, {"errors": True, "inductive": True}),
        (reader, {}, 20, {"errors": True, "brisk": True}),
        (writer, SINGLE, 14, {"abort": True}),
        (writer, SINGLE, 24, {"errors": True, "brisk": True}),
        (writer, {}, 9, {"abort": True}),
        (writer, {}, 11, {"errors": True}),
    ],
    ids=[
        "read-abort",
        "read-error",
        "read-error-brisk",
        "write-abort-single",
        "write-error-brisk-single",
        "write-abort",
        "write-error",
    ],
)
def test_moves_every_byte_for_longer(engine, fields, depth, options, tmp_path):
    proof, free = engine(tiny(**fields), **options)
    prove(proof, tmp_path, free=free, depth=depth, timeout=600)
