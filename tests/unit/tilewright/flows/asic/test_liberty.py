"""Liberty: what is read of a library, and what is refused with a line number."""

import gzip
import itertools

import pytest

from tilewright.base import TilewrightError
from tilewright.flows.asic import adder_cells
from tilewright.flows.asic.liberty import evaluate, read_libraries
from tilewright.flows.asic.mapping import check_gates, find_flop

GATE = """
library (small) {
  /* a comment with a } brace */
  cell (NAND) {
    area : 2.5
    pin (A) { direction : input; capacitance : 1.5; }
    pin (B) { direction : input; capacitance : 1.5; }
    pin (Y) { direction : output; function : "!(A B)"; max_capacitance : 30;
      timing () { related_pin : "A"; cell_rise (t) { values ("1, 2; {", "3, 4"); } }
    }
  }
  cell (BIG) { area : 9; dont_use : true; pin (A) { direction : input; }
    pin (Y) { direction : output; function : "A'"; } }
}
"""
FLOP = """
library (flops) {{
  cell (DFF) {{
    area : 7.0;
    ff (IQ, IQN) {{ clocked_on : "{clock}"; next_state : "{data}"; clear : "RN'"; }}
    pin (CK) {{ direction : input; clock : true; }}
    pin (D) {{ direction : input; }}
    pin (RN) {{ direction : input; }}
    pin (Q) {{ direction : output; function : "{output}"; }}
  }}
}}
"""


def libraries(tmp_path, *texts):
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.lib")
        files[-1].write_text(text)
    return files


def test_reads_area_pins_and_functions_with_and_without_compression(tmp_path):
    (plain,) = libraries(tmp_path, GATE)
    packed = tmp_path / "packed.lib.gz"
    packed.write_bytes(gzip.compress(GATE.encode()))
    for file in (plain, packed):
        library = read_libraries([file])
        nand = library.gate(2, (1, 1, 1, 0))
        assert (nand.name, nand.area, nand.pins["Y"].max_capacitance, nand.pins["A"].capacitance) == (
            "NAND",
            2.5,
            30,
            1.5,
        )
        assert library.gate(1, (1, 0)) is None, "a cell marked dont_use is not used"


@pytest.mark.parametrize(
    ("function", "want"),
    [
        ("A B + !C", lambda a, b, c: a & b | 1 - c),
        ("(A*B)' ^ C", lambda a, b, c: (1 - (a & b)) ^ c),
        ("!(A+B) | C & A", lambda a, b, c: (1 - (a | b)) | c & a),
        ("!!A (B'+C)", lambda a, b, c: a & ((1 - b) | c)),
        ("1 A", lambda a, b, c: a),
    ],
)
def test_functions_have_the_semantics_of_liberty(function, want):
    for row in itertools.product((0, 1), repeat=3):
        assert evaluate(function, dict(zip("ABC", row, strict=True))) == want(*row)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GATE.replace("  cell (BIG)", "} cell (BIG)").replace("library", "library", 1) + "}", "brace"),
        (GATE.rstrip().rstrip("}"), "is not closed"),
        ("not a library at all", "no cells"),
        ("module (x) { }", "line 1: it starts with module"),
        ("library (empty) { }", "no cells"),
    ],
)
def test_a_file_that_does_not_parse_is_refused_by_name(tmp_path, text, words):
    (file,) = libraries(tmp_path, text)
    with pytest.raises(TilewrightError, match=words) as caught:
        read_libraries([file])
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_cut_off_is_refused(tmp_path):
    with pytest.raises(TilewrightError, match="cannot read"):
        read_libraries([tmp_path / "none.lib"])
    cut = tmp_path / "cut.lib.gz"
    whole = gzip.compress(GATE.encode())
    # Cut off, damaged in the middle, and with another checksum.
    for data in (whole[:40], whole[:12] + b"\xff" + whole[13:], whole[:-8] + bytes(8)):
        cut.write_bytes(data)
        with pytest.raises(TilewrightError, match="cannot read"):
            read_libraries([cut])


@pytest.mark.parametrize(
    ("data", "output", "inverted"), [("D", "IQ", False), ("D", "IQN", True), ("!D", "IQN", False), ("!D", "IQ", True)]
)
def test_a_flip_flop_is_found_with_its_polarity_and_its_reset_tied_off(tmp_path, data, output, inverted):
    library = read_libraries(libraries(tmp_path, GATE, FLOP.format(clock="CK", data=data, output=output)))
    flop = find_flop(library)
    assert (flop.clock, flop.data, flop.output, flop.inverted, flop.ties) == ("CK", "D", "Q", inverted, {"RN": 1})


@pytest.mark.parametrize("texts", [[GATE], [GATE, FLOP.format(clock="!CK", data="D", output="IQ")]])
def test_a_library_without_a_rising_flip_flop_says_what_to_add(tmp_path, texts):
    with pytest.raises(TilewrightError, match="give the Liberty file that holds the flip-flops"):
        find_flop(read_libraries(libraries(tmp_path, *texts)))


def test_a_library_without_an_inverter_or_a_gate_says_what_to_add(tmp_path):
    inverter = "library (i) { cell (INV) { area : 1; pin (A) { direction : input; } pin (Y) { direction : output; "
    inverter += 'function : "A\'"; } } }'
    flops = FLOP.format(clock="CK", data="D", output="IQ")
    for texts in ([flops], [flops, inverter], [flops, GATE]):  # the inverter in GATE is not to be used
        with pytest.raises(TilewrightError, match="give the Liberty files of gates as well"):
            check_gates(read_libraries(libraries(tmp_path, *texts)))
    check_gates(read_libraries(libraries(tmp_path, flops, inverter, GATE)))


@pytest.mark.parametrize("mark", ["", "!"])
def test_full_adders_are_found_by_their_functions(tmp_path, mark):
    text = GATE.replace(
        "  cell (BIG)",
        f"""  cell (ADD) {{ area : 5; pin (A) {{ direction : input; }} pin (B) {{ direction : input; }}
        pin (C) {{ direction : input; }} pin (CO) {{ direction : output; function : "{mark}(A B + A C + B C)"; }}
        pin (S) {{ direction : output; function : "{mark}(A ^ B ^ C)"; }} }}
  cell (BIG)""",
    )
    found = adder_cells(read_libraries(libraries(tmp_path, text)))
    assert set(found) == {3}
    assert (found[3].carry, found[3].total, found[3].inverted) == ("CO", "S", bool(mark))
    assert adder_cells(read_libraries(libraries(tmp_path, GATE))) == {}
