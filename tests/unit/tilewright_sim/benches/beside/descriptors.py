"""What the assertions that are bound to the accelerator say of descriptors."""

import subprocess

from tilewright.cores import CORES
from tilewright_sim.benches.beside import checks_parameters, checks_text

NAMES = ("ADDR_BITS", "SIZE_BITS", "STRIDE_BITS", "UNALIGNED", "SIZE_LIMIT", "K_LIMIT", "FLAGS", "VERSION", "ROUNDINGS",
         "CONVOLUTION", "VECTOR_LANES", "RECORD_BYTES", "SCALED", "B_FORMATS", "INTEGER", "A_RECORD",
         "B_RECORDS")  # fmt: skip
BENCH = """
module bench;
  reg [511:0] texts[0:{last}];
  reg [511:0] raw;
  wire [511:0] resolved;
  wire [3:0] code, reads;
  integer n;
  tilewright_references #({count}) references (raw, 512'h{variables:x}, resolved);
  tilewright_descriptor #({parameters}) descriptor (.raw(resolved), .code(code), .reads(reads));
  initial begin
    $readmemh("texts.hex", texts);
    for (n = 0; n <= {last}; n = n + 1) begin
      raw = texts[n];
      #1 $display("%0d %0d", code, reads);
    end
  end
endmodule
"""


def judged(config, descriptors, folder, variables=()):
    """Return for each descriptor the code of its error, and which matrices it reads."""
    core = CORES["accelerator"]
    values = checks_parameters(core, config)
    parameters = ", ".join(f".{key}({values[key]})" for key in NAMES) + f", .WORD_BYTES({config.word_bytes})"
    texts = [int.from_bytes(one.pack(), "little") for one in descriptors]
    (folder / "texts.hex").write_text("".join(f"{text:0128x}\n" for text in texts))
    (folder / "checks.sv").write_text(checks_text(core))
    (folder / "bench.sv").write_text(
        BENCH.format(
            last=len(texts) - 1,
            parameters=parameters,
            count=config.variables,
            variables=sum(value << 32 * number for number, value in enumerate(variables)),
        )
    )
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "checks.sv", "bench.sv"]
    subprocess.run(command, cwd=folder, check=True)
    out = subprocess.run(["vvp", "bench"], cwd=folder, check=True, capture_output=True, text=True).stdout
    return [tuple(map(int, line.split())) for line in out.splitlines()]
