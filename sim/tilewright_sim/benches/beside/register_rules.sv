// Rules of the registers: what exists is answered OKAY, everything else SLVERR. Tells what was written and read.
module tilewright_register_rules #(
    parameter LITE_BITS = 9,
    parameter [127:0] READABLE = 0, WRITABLE = 0,
    parameter DIRECT = 32  // word address of the first of 16 registers that may refuse a write
) (
    input clk, off, aw, w, bvalid, bready, ar, rvalid, rready,
    input [LITE_BITS-1:0] awaddr, araddr,
    input [31:0] wdata, rdata,
    input [3:0] wstrb,
    input [1:0] bresp, rresp,
    output write, read,  // for one cycle: `word` has been written, `read_word` is being given
    output [6:0] word, read_word,
    output [31:0] data,
    output calm  // nothing has been written for 8 cycles
);
  reg [6:0] words[0:3];
  reg [31:0] values[0:3];
  reg [3:0] whole;
  reg [6:0] reading;
  reg [1:0] addressed, given, answered;
  reg b_seen, r_seen;
  reg [3:0] since;
  initial {addressed, given, answered, b_seen, r_seen, since, whole, reading} = 0;
  wire answer = !off && bvalid && !b_seen;
  wire [6:0] at = words[answered];
  wire direct = at >= DIRECT && at < DIRECT + 16;
  wire exists = whole[answered] && WRITABLE[at];
  assign word = at, data = values[answered], write = answer && bresp == 0;
  assign read = !off && rvalid && !r_seen && rresp == 0, read_word = reading;
  assign calm = since == 8;
  always @(posedge clk) begin
    if (off) begin
      {addressed, given, answered} <= 0;
      {b_seen, r_seen} <= 0;
      since <= 0;
    end else begin
      if (aw) words[addressed] <= awaddr[LITE_BITS-1:2];
      if (aw) addressed <= addressed + 2'd1;
      if (w) values[given] <= wdata;
      if (w) whole[given] <= &wstrb;
      if (w) given <= given + 2'd1;
      if (bvalid && bready) answered <= answered + 2'd1;
      b_seen <= bvalid && !bready;
      if (ar) reading <= araddr[LITE_BITS-1:2];
      r_seen <= rvalid && !rready;
      since <= addressed != answered || given != answered || aw || w ? 4'd0 : since + !calm;
      if (answer) begin
        `TILEWRIGHT_RULE(0, bresp == 0 || bresp == 2, "neither OKAY nor SLVERR");
        if (!direct || !exists) `TILEWRIGHT_RULE(0, (bresp == 0) == exists, "a write is not answered as documented");
      end
      if (rvalid && !r_seen)
        `TILEWRIGHT_RULE(0, rresp == (READABLE[reading] ? 0 : 2), "a read is not answered as documented");
    end
  end
endmodule
