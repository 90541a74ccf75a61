// A naive design for comparison: an output-stationary array of 8 x 8 cells for int8. Each cell passes its operands on
// and adds their product to a 32-bit accumulator. There is no logic to read the accumulators one by one.
module naive_array(
  input wire clk,
  input wire clear,
  input wire [63:0] a,
  input wire [63:0] b,
  output wire [2047:0] sums
);
  wire [575:0] right, down;
  assign right[63:0] = a;
  assign down[63:0] = b;
  genvar row, col;
  generate
    for (row = 0; row < 8; row = row + 1) begin : rows
      for (col = 0; col < 8; col = col + 1) begin : cols
        naive_cell one (
          .clk(clk), .clear(clear),
          .a(right[64 * col + 8 * row +: 8]), .b(down[64 * row + 8 * col +: 8]),
          .a_next(right[64 * (col + 1) + 8 * row +: 8]), .b_next(down[64 * (row + 1) + 8 * col +: 8]),
          .sum(sums[32 * (8 * row + col) +: 32])
        );
      end
    end
  endgenerate
endmodule

module naive_cell(
  input wire clk,
  input wire clear,
  input wire signed [7:0] a,
  input wire signed [7:0] b,
  output reg signed [7:0] a_next,
  output reg signed [7:0] b_next,
  output reg signed [31:0] sum
);
  always @(posedge clk) begin
    a_next <= a;
    b_next <= b;
    sum <= clear ? 32'sd0 : sum + a * b;
  end
endmodule
