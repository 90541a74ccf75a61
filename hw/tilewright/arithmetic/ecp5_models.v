// Behavioural models of the ECP5 primitives that Tilewright instantiates, for simulation only: what
// Tilewright uses of them, and no more. Give this file to a simulator beside the generated Verilog, never to
// synthesis, which has its own.

/* verilator lint_off DECLFILENAME */  // one file holds all models
/* verilator lint_off UNUSED */  // tied-off inputs, and parameters that select the one behaviour modelled here

// An 18 x 18 multiplier with registers at its inputs and its output, no pipeline register. A is clocked with
// CE0 and B with CE1; the reset is not used.
module MULT18X18D (
    input CLK0, CE0, CE1, RST0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
  parameter REG_INPUTA_CLK = "NONE";
  parameter REG_INPUTA_CE = "CE0";
  parameter REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE";
  parameter REG_INPUTB_CE = "CE0";
  parameter REG_INPUTB_RST = "RST0";
  parameter REG_PIPELINE_CLK = "NONE";
  parameter REG_OUTPUT_CLK = "NONE";
  parameter REG_OUTPUT_CE = "CE0";
  parameter REG_OUTPUT_RST = "RST0";
  parameter GSR = "ENABLED";
  parameter RESETMODE = "SYNC";

  reg signed [17:0] a, b;
  reg signed [35:0] p;
  always @(posedge CLK0) begin
    if (CE0) a <= {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    if (CE1) b <= {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    if (CE0) p <= a * b;
  end
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
          P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p;

`ifndef SYNTHESIS
  initial begin
    if (REG_INPUTA_CLK != "CLK0" || REG_INPUTB_CLK != "CLK0" || REG_OUTPUT_CLK != "CLK0"
        || REG_PIPELINE_CLK != "NONE" || REG_INPUTA_CE != "CE0" || REG_INPUTB_CE != "CE1"
        || REG_OUTPUT_CE != "CE0") begin
      $display("MULT18X18D: these registers are not modelled");
      $finish;
    end
  end
`endif
endmodule

// Two bits of a carry chain: each half has a LUT of four inputs that says "propagate", whose part for C = D = 0
// is what it generates where it does not propagate.
module CCU2C (
    input CIN, A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
  parameter [15:0] INIT0 = 16'h0000;
  parameter [15:0] INIT1 = 16'h0000;
  parameter INJECT1_0 = "NO";
  parameter INJECT1_1 = "NO";

  // A choice of equal bits by an unknown is known, unlike a bit selected by it.
  wire [7:0] d0 = D0 ? INIT0[15:8] : INIT0[7:0];
  wire [7:0] d1 = D1 ? INIT1[15:8] : INIT1[7:0];
  wire [3:0] c0 = C0 ? d0[7:4] : d0[3:0];
  wire [3:0] c1 = C1 ? d1[7:4] : d1[3:0];
  wire [1:0] b0 = B0 ? c0[3:2] : c0[1:0];
  wire [1:0] b1 = B1 ? c1[3:2] : c1[1:0];
  wire [1:0] generate0 = B0 ? INIT0[3:2] : INIT0[1:0];
  wire [1:0] generate1 = B1 ? INIT1[3:2] : INIT1[1:0];
  wire propagate0 = A0 ? b0[1] : b0[0];
  wire propagate1 = A1 ? b1[1] : b1[0];
  wire carry = propagate0 ? CIN : A0 ? generate0[1] : generate0[0];
  assign S0 = propagate0 ^ CIN;
  assign S1 = propagate1 ^ carry;
  assign COUT = propagate1 ? carry : A1 ? generate1[1] : generate1[0];
endmodule

// 512 words of 36 bits, written at one side and read through two registers at the other: CER enables the first,
// OCER the second. There are no byte enables, chip selects or reset.
module PDPW16KD (
    input CLKW, CEW, CLKR, CER, OCER, RST, CSW0, CSW1, CSW2, CSR0, CSR1, CSR2, BE0, BE1, BE2, BE3,
    input ADW0, ADW1, ADW2, ADW3, ADW4, ADW5, ADW6, ADW7, ADW8, ADR0, ADR1, ADR2, ADR3, ADR4, ADR5, ADR6,
          ADR7, ADR8, ADR9, ADR10, ADR11, ADR12, ADR13,
    input DI0, DI1, DI2, DI3, DI4, DI5, DI6, DI7, DI8, DI9, DI10, DI11, DI12, DI13, DI14, DI15, DI16, DI17,
          DI18, DI19, DI20, DI21, DI22, DI23, DI24, DI25, DI26, DI27, DI28, DI29, DI30, DI31, DI32, DI33,
          DI34, DI35,
    output DO0, DO1, DO2, DO3, DO4, DO5, DO6, DO7, DO8, DO9, DO10, DO11, DO12, DO13, DO14, DO15, DO16, DO17,
          DO18, DO19, DO20, DO21, DO22, DO23, DO24, DO25, DO26, DO27, DO28, DO29, DO30, DO31, DO32, DO33,
          DO34, DO35
);
  parameter DATA_WIDTH_W = 36;
  parameter DATA_WIDTH_R = 36;
  parameter REGMODE = "NOREG";
  parameter GSR = "ENABLED";

  reg [35:0] memory [0:511];
  reg [35:0] fetched, q;
  wire [8:0] write_row = {ADW8, ADW7, ADW6, ADW5, ADW4, ADW3, ADW2, ADW1, ADW0};
  wire [8:0] read_row = {ADR13, ADR12, ADR11, ADR10, ADR9, ADR8, ADR7, ADR6, ADR5};
  always @(posedge CLKW)
    if (CEW) memory[write_row] <= {DI35, DI34, DI33, DI32, DI31, DI30, DI29, DI28, DI27, DI26, DI25, DI24,
        DI23, DI22, DI21, DI20, DI19, DI18, DI17, DI16, DI15, DI14, DI13, DI12, DI11, DI10, DI9, DI8, DI7,
        DI6, DI5, DI4, DI3, DI2, DI1, DI0};
  always @(posedge CLKR) begin
    if (CER) fetched <= memory[read_row];
    if (OCER) q <= fetched;
  end
  assign {DO35, DO34, DO33, DO32, DO31, DO30, DO29, DO28, DO27, DO26, DO25, DO24, DO23, DO22, DO21, DO20,
          DO19, DO18, DO17, DO16, DO15, DO14, DO13, DO12, DO11, DO10, DO9, DO8, DO7, DO6, DO5, DO4, DO3, DO2,
          DO1, DO0} = q;

`ifndef SYNTHESIS
  initial begin
    if (DATA_WIDTH_W != 36 || DATA_WIDTH_R != 36 || REGMODE != "OUTREG") begin
      $display("PDPW16KD: this mode is not modelled");
      $finish;
    end
  end
`endif
endmodule
