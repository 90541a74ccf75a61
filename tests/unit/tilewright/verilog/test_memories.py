"""Memories as files of their own: together with the core they are what is generated otherwise."""

import json
import re

import pytest
from support.long_cases import late

from tilewright.cores import CORES
from tilewright.verilog import MANIFEST, generate, instances, split_modules

CASES = [
    ("accelerator", "nano", {}),
    ("block-tile", "q4_1", {}),
    ("dma-writer", "small", {}),
    ("tile", "nano", {}),
    *late(
        (("accelerator", "nano", {"vector_lanes": 1}),),
        (("accelerator", "nano", {"ecc": True}),),
        (("accelerator", "base", {}),),
    ),
]


def bodies(*files):
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return {name: match[0].rstrip() for name, match in split_modules(text).items()}


@pytest.fixture(scope="module", params=CASES, ids=str)
def written(request, tmp_path_factory):
    core, preset, fields = request.param
    folder = tmp_path_factory.mktemp("memories")
    core = CORES[core]
    config = core.config.preset(preset, **fields)
    generate(core, config, folder / "inferred")
    files = generate(core, config, folder / "macro", memories="macro")
    listed = json.loads((folder / "macro" / MANIFEST).read_text(encoding="utf-8"))["memories"]
    return core.module, folder, files, listed


def test_core_and_memories_are_the_modules_that_are_generated_otherwise(written):
    top, folder, files, _ = written
    apart = bodies(*(file for file in files if file.suffix == ".v"))
    assert apart == bodies(folder / "inferred" / f"{top}.v")


def test_no_memory_is_left_in_the_core(written):
    top, folder, _, _ = written
    memory = re.compile(r"^ *reg [^;]*\w \[\d+:\d+\];", re.M)
    assert memory.search((folder / "inferred" / f"{top}.v").read_text(encoding="utf-8")) or top == "tile"
    assert not memory.search((folder / "macro" / f"{top}.v").read_text(encoding="utf-8"))


def test_the_manifest_says_what_the_verilog_says(written):
    top, folder, files, listed = written
    assert sorted(memory["file"] for memory in listed) == sorted(
        file.relative_to(folder / "macro").as_posix() for file in files if file.parent.name == "memories"
    )
    core = {name: instances(body) for name, body in bodies(folder / "macro" / f"{top}.v").items()}
    for memory in listed:
        [(module, body)] = bodies(folder / "macro" / memory["file"]).items()
        assert module == memory["module"]
        bits, last = re.search(r"reg \[(\d+):0\] cells \[(\d+):0\]", body).groups()
        assert (memory["words"], memory["bits"]) == (int(last) + 1, int(bits) + 1)
        ports = re.findall(r"^  (input|output) wire (?:\[(\d+):0\] )?(\w+);", body, flags=re.M)
        assert [(port["direction"], port["bits"], port["name"]) for port in memory["ports"]] == [
            (direction, int(high or 0) + 1, name) for direction, high, name in ports
        ]
        assert memory["read_latency"] == ("read" in {name for _, _, name in ports})
        assert not memory["write_through"]
        assert memory["instances"]
        for path in memory["instances"]:
            *above, name = path.split(".")
            module = top
            for part in above:
                module = next(kind for kind, instance in core[module] if instance == part)
            assert (memory["module"], name) in core[module]
