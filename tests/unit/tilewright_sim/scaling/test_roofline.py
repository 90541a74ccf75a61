"""Estimates of chips: what must hold for any machine, hand-worked sizes, and the command."""

import json
import math
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.cli import main as cli
from tilewright_sim.models.cycles import Bus, Gemm, estimate, traffic
from tilewright_sim.nn import MODELS, Transformer
from tilewright_sim.scaling import CoreCost, Machine, split_chips
from tilewright_sim.scaling.roofline import phase
from tilewright_sim.scaling.workload import Layer, decode, prefill, shapes_layer

NANO = AcceleratorConfig.preset("nano")
TINY = Transformer(layers=3, hidden=32, heads=4, kv_heads=2, ffn=64, vocab=96)
GEMMS = st.builds(
    Layer, kind=st.just("x"), m=st.integers(1, 40), n=st.integers(1, 80), k=st.integers(1, 60), count=st.integers(1, 5)
)


@settings(max_examples=60, deadline=None)
@given(GEMMS, st.integers(1, 9), st.floats(0.05, 4), st.integers(0, 60))
def test_twice_the_bandwidth_is_never_slower(layer, cores, gbs, latency):
    machine = Machine(config=NANO, cores=cores, memory_gbs=gbs, latency=latency)
    slow, fast = (phase(each, "x", [layer], 0).seconds for each in (machine, replace(machine, memory_gbs=2 * gbs)))
    assert fast <= slow * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(GEMMS, st.integers(1, 9), st.floats(0.05, 4), st.floats(0.01, 100))
def test_no_layer_is_faster_than_its_bottleneck(layer, cores, gbs, link):
    machine = Machine(config=NANO, cores=cores, memory_gbs=gbs, link_gbs=link, tensor_parallel=2)
    (row,) = phase(machine, "x", [replace(layer, exchanged=50.0)], 0).rows
    assert row.seconds >= max(row.compute_s, row.port_s, row.memory_s, row.link_s) * (1 - 1e-9)
    assert 0 < row.utilisation <= 1


@pytest.mark.parametrize("make", [prefill, decode])
def test_the_parts_add_up_to_the_total(make):
    machine = Machine(config=NANO, cores=2, memory_gbs=0.5, latency=20, cost=CoreCost(pj_per_mac=0.5))
    found = phase(machine, "x", make(TINY, 16, 2), 1)
    assert found.seconds == pytest.approx(sum(row.seconds for row in found.rows))
    assert found.interval_s == pytest.approx(found.seconds)
    assert found.joules == pytest.approx(sum(row.macs for row in found.rows) * 0.5e-12)


@pytest.mark.parametrize("make", [prefill, decode])
@pytest.mark.parametrize("chips", [2, 4])
def test_chips_that_share_layers_do_all_the_work_between_them(make, chips):
    whole, shared = make(TINY, 16, 2), make(TINY, 16, 2, chips)
    for one, part in zip(whole, shared, strict=True):
        macs = one.m * one.n * one.k * one.count
        spare = chips / 2 if part.kind == "qkv" and chips > TINY.kv_heads else 1  # keys and values are kept twice
        assert macs <= chips * part.m * part.n * part.k * part.count <= spare * macs


def test_sharing_layers_over_links_that_cost_nothing_scales():
    model = Transformer(layers=2, hidden=256, heads=8, kv_heads=8, ffn=512, vocab=512)
    seconds = []
    for chips in (1, 2, 4):
        machine = Machine(config=NANO, tensor_parallel=chips)
        seconds.append(phase(machine, "x", prefill(model, 32, 1, chips), 1).seconds)
    assert seconds[0] / seconds[1] == pytest.approx(2, rel=0.05)
    assert seconds[0] / seconds[2] == pytest.approx(4, rel=0.05)


def test_links_cost_what_is_sent_over_them():
    machine = Machine(config=NANO, tensor_parallel=2, link_gbs=0.001)
    found = phase(machine, "x", decode(TINY, 16, 3, 2), 1)
    rows = {row.kind: row for row in found.rows}
    # A ring of two sends 2 * 1/2 of the 3 * 32 sums of 4 bytes, in each of 3 layers.
    assert rows["down"].link_s == pytest.approx(3 * 3 * 32 * 4 / 1e6)
    assert rows["logits"].link_s == pytest.approx(3 * 96 / 2 * 4 / 1e6)
    assert rows["down"].bound == "link"
    assert rows["qkv"].link_s == 0


def test_stages_overlap_and_the_slowest_decides():
    single = phase(Machine(config=NANO), "x", decode(TINY, 16, 1), 1)
    machine = Machine(config=NANO, pipeline_parallel=2, link_gbs=0.001)
    found = phase(machine, "x", decode(TINY, 16, 1), 1, stream=32)
    hop = 32 * 4 / 1e6
    assert found.seconds == pytest.approx(single.seconds + hop)
    layer = sum(row.seconds for row in single.rows[:-1]) / 3
    assert found.interval_s == pytest.approx(max(2 * layer, layer + single.rows[-1].seconds) + hop)


def test_one_core_alone_is_the_cycle_model():
    gemm = Gemm(m=5, n=30, k=40, requant=False)
    (row,) = phase(Machine(config=NANO, latency=16), "x", [Layer(kind="x", m=5, n=30, k=40)], 0).rows
    assert row.cycles == estimate(NANO, [gemm], Bus(latency=16)).cycles
    assert row.memory_bytes == sum(traffic(NANO, gemm)) * NANO.word_bytes


def test_columns_are_dealt_out_to_cores_and_whole_products_first():
    (row,) = phase(Machine(config=NANO, cores=4), "x", [Layer(kind="x", m=8, n=33, k=16)], 0).rows
    assert row.cycles == estimate(NANO, [Gemm(m=8, n=12, k=16, requant=False)]).cycles  # 9 columns of cols, 3 a core
    (row,) = phase(Machine(config=NANO, cores=4), "x", [Layer(kind="x", m=8, n=33, k=16, count=5)], 0).rows
    assert row.cycles == estimate(NANO, [Gemm(m=8, n=33, k=16, requant=False)] * 2).cycles


@pytest.mark.parametrize(
    ("name", "millions"), [("smollm2-135m", 135), ("gpt2", 124), ("llama-2-7b", 6738), ("llama-3.1-8b", 8030)]
)
def test_named_models_have_the_parameters_that_they_are_known_for(name, millions):
    model = MODELS[name]
    weights = sum(layer.n * layer.k * layer.repeat for layer in decode(model, 1, 1) if layer.weights)
    tied = name in ("smollm2-135m", "gpt2")
    weights += 0 if tied else model.vocab * model.hidden
    assert weights / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(
    ("given_", "want"),
    [((None, None, None), (1, 1)), ((8, None, None), (8, 1)), ((8, 2, None), (2, 4)), ((None, 2, 3), (2, 3))],
)
def test_missing_numbers_of_chips_follow_from_the_others(given_, want):
    assert split_chips(*given_) == want


def test_inconsistent_numbers_of_chips_are_refused():
    with pytest.raises(TilewrightError, match="--chips 6 is not"):
        split_chips(6, 4, None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "give one workload"),
        ("--cores 4", "give one workload"),
        ("--gemm 1x2x3 --transformer gpt2", "give one workload"),
        ("--gemm 3x4", "write it as MxNxK"),
        ("--gemm 0x4x4", "write it as MxNxK"),
        ("--transformer gpt2 --layers 3", "leave out --layers"),
        ("--layers 3", "needs --hidden, --heads"),
        ("--layers 1 --hidden 30 --heads 4", "multiple"),
        ("--transformer gpt2 --chips 2", "need --link-gbs"),
        ("--transformer gpt2 --chips 5 --link-gbs 1", "must divide 12 query heads"),
        ("--transformer gpt2 --pipeline-parallel 13 --link-gbs 1", "at most the 12 layers"),
        ("--transformer gpt2 --batch 0", "batch = 0"),
        ("--gemm 4x4x4 --context 3", "--context and --batch"),
        ("--gemm 4x4x4 --memory-gbs nan", "more than 0"),
        ("--gemm 4x4x4 --freq -1", "-1.0 is not in the range"),
        ("--gemm 4x4x4 --cores 0", "cores 0"),
        ("--gemm 4x4x4 --core-report missing.json", "cannot read missing.json"),
        ("--gemm 4x4x4 --core-report REPORT", "of 8×8 multipliers"),
        ("--gemm 4x4x4 -p small --core-report FPGA", "only that one has mm²"),
        ("--gemm 4x4x4 --core-report EMPTY", "is not a report"),
    ],
)
def test_mistakes_are_one_line(arguments, says, tmp_path, monkeypatch, capsys):
    write_reports(tmp_path)
    command = [str(tmp_path / word) if word.isupper() else word for word in arguments.split()]
    preset = [] if "-p" in command else ["-p", "nano"]
    monkeypatch.setattr("sys.argv", ["tilewright", "scale", *command, *preset])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_the_command_takes_a_report_and_prints_tables_and_json(tmp_path):
    write_reports(tmp_path)
    command = [
        "scale", "--layers", "2", "--hidden", "32", "--heads", "4", "--context", "8", "--vocab", "64", "-p", "small",
        "--cores", "2", "--memory-gbs", "1", "--core-report", str(tmp_path / "REPORT"), "--chips", "2",
        "--link-gbs", "inf",
    ]  # fmt: skip
    done = CliRunner().invoke(cli.cli, [*command, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["area_mm2"] == pytest.approx(4 * 2.5)
    assert found["mhz"] == 200
    assert [phase["name"] for phase in found["phases"]] == ["prefill", "decode"]
    first = found["phases"][0]
    assert first["tokens_per_s"] == pytest.approx(8 / first["seconds"])
    assert first["joules_per_token"] == pytest.approx(first["joules"] / 8)
    text = CliRunner().invoke(cli.cli, command, catch_exceptions=False).stdout
    for words in ("prefill", "decode", "tokens/s", "per token", "mm²", "Assumptions", "gate_up"):
        assert words in text


def test_a_list_of_products_is_split_over_chips():
    layer = shapes_layer(4, 10, 8, 3, 2)
    assert (layer.n, layer.repeat, layer.exchanged) == (5, 3, 20)
    assert math.isinf(Machine(config=NANO).link_gbs)


def write_reports(folder):
    report = {
        "core": "tile", "target": "asic", "config": {"rows": 8, "cols": 8},
        "area": {"total": {"cell_um2": 1.5e6, "memory_um2": 1e6}},
        "power": {"pj_per_mac": 0.3}, "timing": {"requested_mhz": 200, "fmax_mhz": 210},
    }  # fmt: skip
    (folder / "REPORT").write_text(json.dumps(report))
    (folder / "FPGA").write_text(json.dumps(report | {"target": "ecp5-85k"}))
    (folder / "EMPTY").write_text("{}")
