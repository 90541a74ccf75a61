"""What the bound assertions take for legal of a vector descriptor is what the decoder takes."""

import subprocess

import pytest
from unit.tilewright.accelerator.frontend.test_vector_check import BAD, CONFIGS, FINE, TO_RECORDS, changed

from tilewright.accelerator.contract import WITH_Y, ElementType
from tilewright.accelerator.registers import ERRORS
from tilewright.cores import CORES
from tilewright_sim.benches.beside import checks_parameters, checks_text

NAMES = ("ADDR_BITS", "SIZE_BITS", "STRIDE_BITS", "UNALIGNED", "SIZE_LIMIT", "K_LIMIT", "FLAGS", "VERSION", "ROUNDINGS",
         "CONVOLUTION", "VECTOR_LANES", "RECORD_BYTES")  # fmt: skip
BENCH = """
module bench;
  reg [511:0] texts[0:{last}];
  reg [511:0] raw;
  wire [3:0] code, reads;
  integer n;
  tilewright_descriptor #({parameters}) descriptor (.raw(raw), .code(code), .reads(reads));
  initial begin
    $readmemh("texts.hex", texts);
    for (n = 0; n <= {last}; n = n + 1) begin
      raw = texts[n];
      #1 $display("%0d %0d", code, reads);
    end
  end
endmodule
"""


@pytest.mark.parametrize("name", CONFIGS)
def test_the_assertions_and_the_decoder_agree(name, tmp_path):
    config, core = CONFIGS[name], CORES["accelerator"]
    cases = [case for case in BAD if case[1] != "ALIGNMENT" or not config.unaligned]
    cases += [(change, "NONE", "") for change in FINE]
    records = [case for case in TO_RECORDS if case[0] == name]
    cases += [(change | {"c_type": ElementType.RECORDS}, code, "") for _, change, code in records]
    values = checks_parameters(core, config)
    parameters = ", ".join(f".{key}({values[key]})" for key in NAMES) + f", .WORD_BYTES({config.word_bytes})"
    descriptors = [changed(config, change) for change, _, _ in cases]
    texts = [int.from_bytes(one.pack(), "little") for one in descriptors]
    (tmp_path / "texts.hex").write_text("".join(f"{text:0128x}\n" for text in texts))
    (tmp_path / "checks.sv").write_text(checks_text(core))
    (tmp_path / "bench.sv").write_text(BENCH.format(last=len(texts) - 1, parameters=parameters))
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "checks.sv", "bench.sv"]
    subprocess.run(command, cwd=tmp_path, check=True)
    out = subprocess.run(["vvp", "bench"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    found = [tuple(map(int, line.split())) for line in out.splitlines()]
    for (change, code, _), one, (got, reads) in zip(cases, descriptors, found, strict=True):
        assert got == ERRORS[code][0], change
        if code == "NONE":
            assert reads == 1 + 2 * (one.operation in WITH_Y), change
