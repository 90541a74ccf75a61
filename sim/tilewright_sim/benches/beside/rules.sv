// Rules that the assertions of all cores share. A rule with THEIRS = 1 is one that the user's side of a port must follow.
// Simulators report a broken rule with $error; Icarus Verilog stops, since it would go on otherwise. With FORMAL defined,
// as Yosys does, the rules are assertions without a text, those with THEIRS = 1 assumptions, and nothing is X.
`ifndef TILEWRIGHT_RULES
`define TILEWRIGHT_RULES
`ifdef FORMAL
`define TILEWRIGHT_RULE(theirs, condition, text) begin if (theirs) assume (condition); else assert (condition); end
`define TILEWRIGHT_KNOWN(value, text)
`else
`ifndef TILEWRIGHT_BROKEN
`ifdef __ICARUS__
`define TILEWRIGHT_BROKEN(text) $fatal(1, text)
`else
`define TILEWRIGHT_BROKEN(text) $error(text)
`endif
`endif
`define TILEWRIGHT_RULE(theirs, condition, text) assert (condition) else `TILEWRIGHT_BROKEN(text)
`define TILEWRIGHT_KNOWN(value, text) assert (^(value) !== 1'bx) else `TILEWRIGHT_BROKEN(text)
`endif

// There is nothing to check before the first reset, and during a reset.
module tilewright_reset_rule (
    input clk, rst,
    output off
);
  reg begun;
  initial begun = 0;
  always @(posedge clk) if (rst === 1'b1) begun <= 1;
  assign off = !begun || rst !== 1'b0;
endmodule

// The value is never X.
module tilewright_known_rule #(
    parameter BITS = 1
) (
    input clk, off,
    input [BITS-1:0] value
);
  always @(posedge clk) if (!off) `TILEWRIGHT_KNOWN(value, "X where a value is due");
endmodule

// An offer holds unchanged until it is accepted; neither it nor the handshake is X.
module tilewright_offer_rule #(
    parameter BITS = 1, THEIRS = 0
) (
    input clk, off, valid, ready,
    input [BITS-1:0] payload
);
  reg held;
  reg [BITS-1:0] kept;
  initial held = 0;
  always @(posedge clk) begin
    held <= !off && valid && !ready;
    kept <= payload;
    if (!off) begin
      `TILEWRIGHT_KNOWN({valid, ready}, "X in a handshake");
      if (valid) `TILEWRIGHT_KNOWN(payload, "X in an offer");
      if (held) `TILEWRIGHT_RULE(THEIRS, valid, "an offer was withdrawn");
      if (held && valid) `TILEWRIGHT_RULE(THEIRS, payload == kept, "an offer was changed");
    end
  end
endmodule

// Each answer follows its request; at most LIMIT requests wait for their answer.
module tilewright_answer_rule #(
    parameter THEIRS = 0, LIMIT = 0
) (
    input clk, off, request, answer
);
  reg [9:0] waiting;
  initial waiting = 0;
  always @(posedge clk) begin
    waiting <= off ? 10'd0 : waiting + {9'd0, request} - {9'd0, answer};
    if (!off && answer) `TILEWRIGHT_RULE(THEIRS, waiting != 0, "a response without a request");
    if (!off && LIMIT != 0) `TILEWRIGHT_RULE(0, waiting <= LIMIT, "more bursts than OUTSTANDING are in flight");
  end
endmodule

// Bursts are INCR, of whole aligned words, within 4 KiB, of at most MAX_BURST beats.
module tilewright_burst_rules #(
    parameter ADDR_BITS = 32, WORD_BYTES = 4, ID_BITS = 4, MAX_BURST = 16
) (
    input clk, off, accepted,
    input [ADDR_BITS-1:0] addr,
    input [7:0] len,
    input [2:0] size,
    input [1:0] burst,
    input [ID_BITS-1:0] id
);
  localparam WORD_LOG2 = $clog2(WORD_BYTES);
  wire [31:0] beats = {24'd0, len} + 32'd1;
  always @(posedge clk)
    if (!off && accepted) begin
      `TILEWRIGHT_RULE(0, {29'd0, size} == WORD_LOG2, "not a burst of whole words");
      `TILEWRIGHT_RULE(0, burst == 2'b01, "not an INCR burst");
      `TILEWRIGHT_RULE(0, id == 0, "the identifier is not 0");
      `TILEWRIGHT_RULE(0, addr[WORD_LOG2-1:0] == 0, "an unaligned address");
      `TILEWRIGHT_RULE(0, beats <= MAX_BURST, "a burst of more than MAX_BURST beats");
      `TILEWRIGHT_RULE(0, {20'd0, addr[11:0]} + beats * WORD_BYTES <= 4096, "a burst passes 4 KiB");
    end
endmodule

// Only the last beat of a burst has last = 1. With EARLY = 1, data may come before their address.
module tilewright_last_rule #(
    parameter EARLY = 0, THEIRS = 0
) (
    input clk, off, address, beat, last,
    input [7:0] len
);
  reg [7:0] lengths[0:255], beats[0:255];
  reg [7:0] asked, ended;
  reg [7:0] count;
  initial {asked, ended, count} = 0;
  wire ahead = asked != ended && !(asked - ended >= 8'd128);  // more addresses than bursts of data
  wire behind = asked != ended && !ahead;
  always @(posedge clk) begin
    if (off) begin
      asked <= 0;
      ended <= 0;
      count <= 0;
    end else begin
      if (address) begin
        lengths[asked] <= len;
        asked <= asked + 8'd1;
        if (behind) `TILEWRIGHT_RULE(THEIRS, beats[asked] == len, "the number of beats is not that of the burst");
      end
      if (beat) begin
        count <= last ? 8'd0 : count + 8'd1;
        if (!EARLY) `TILEWRIGHT_RULE(THEIRS, ahead, "data without a request");
        if (ahead) `TILEWRIGHT_RULE(THEIRS, last == (count == lengths[ended]), "last is set on the wrong beat");
        if (last) begin
          beats[ended] <= count;
          ended <= ended + 8'd1;
          if (!ahead && !behind && address)
            `TILEWRIGHT_RULE(THEIRS, count == len, "the number of beats is not that of the burst");
        end
      end
    end
  end
endmodule

// The read channels of a manager.
module tilewright_read_rules #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16
) (
    input clk, off,
    input [ADDR_BITS-1:0] araddr,
    input [7:0] arlen,
    input [2:0] arsize,
    input [1:0] arburst, rresp,
    input [ID_BITS-1:0] arid, rid,
    input [DATA_BITS-1:0] rdata,
    input arvalid, arready, rvalid, rready, rlast
);
  wire ar = arvalid && arready, r = rvalid && rready;
  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13) ar_holds (
      clk, off, arvalid, arready, {araddr, arid, arlen, arsize, arburst});
  tilewright_burst_rules #(ADDR_BITS, DATA_BITS / 8, ID_BITS, MAX_BURST) ar_bursts (
      clk, off, ar, araddr, arlen, arsize, arburst, arid);
  tilewright_answer_rule #(.THEIRS(1), .LIMIT(OUTSTANDING)) r_answers (clk, off, ar, r && rlast);
  tilewright_offer_rule #(ID_BITS + 3, 1) r_holds (clk, off, rvalid, rready, {rid, rresp, rlast});
  tilewright_last_rule #(0, 1) r_last (clk, off, ar, r, rlast, arlen);
  // Bytes that nobody needs may be X.
  reg held;
  reg [DATA_BITS-1:0] kept;
  initial held = 0;
  always @(posedge clk) begin
    held <= !off && rvalid && !rready;
    kept <= rdata;
    if (!off && held && rvalid) `TILEWRIGHT_RULE(1, rdata === kept, "an offer was changed");
  end
endmodule

// The write channels of a manager.
module tilewright_write_rules #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16
) (
    input clk, off,
    input [ADDR_BITS-1:0] awaddr,
    input [7:0] awlen,
    input [2:0] awsize,
    input [1:0] awburst, bresp,
    input [ID_BITS-1:0] awid, bid,
    input [DATA_BITS-1:0] wdata,
    input [DATA_BITS/8-1:0] wstrb,
    input awvalid, awready, wvalid, wready, wlast, bvalid, bready
);
  wire aw = awvalid && awready, w = wvalid && wready, b = bvalid && bready;
  wire [DATA_BITS-1:0] written;  // bytes without a strobe are undefined
  genvar lane;
  generate
    for (lane = 0; lane < DATA_BITS / 8; lane = lane + 1) begin : lanes
      assign written[8*lane+:8] = wdata[8*lane+:8] & {8{wstrb[lane]}};
    end
  endgenerate
  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13) aw_holds (
      clk, off, awvalid, awready, {awaddr, awid, awlen, awsize, awburst});
  tilewright_offer_rule #(DATA_BITS + DATA_BITS / 8 + 1) w_holds (clk, off, wvalid, wready, {written, wstrb, wlast});
  tilewright_burst_rules #(ADDR_BITS, DATA_BITS / 8, ID_BITS, MAX_BURST) aw_bursts (
      clk, off, aw, awaddr, awlen, awsize, awburst, awid);
  tilewright_last_rule #(1, 0) w_last (clk, off, aw, w, wlast, awlen);
  tilewright_offer_rule #(ID_BITS + 2, 1) b_holds (clk, off, bvalid, bready, {bid, bresp});
  tilewright_answer_rule #(.THEIRS(1), .LIMIT(OUTSTANDING)) b_answers_address (clk, off, aw, b);
  tilewright_answer_rule #(.THEIRS(1)) b_answers_data (clk, off, w && wlast, b);
endmodule

// Each request to a DMA engine ends with one status, and the engine is busy exactly until that is taken.
module tilewright_request_rules #(
    parameter ADDR_BITS = 32, COUNTER_BITS = 32
) (
    input clk, off, request, status_valid, status_ready,
    input [2:0] status_cause,
    input [ADDR_BITS-1:0] status_address,
    input busy,
    input [5*COUNTER_BITS-1:0] counters
);
  reg [9:0] open;
  initial open = 0;
  wire status = status_valid && status_ready;
  tilewright_offer_rule #(ADDR_BITS + 3) status_holds (
      clk, off, status_valid, status_ready, {status_cause, status_address});
  tilewright_known_rule #(5 * COUNTER_BITS) counters_known (clk, off, counters);
  always @(posedge clk) begin
    open <= off ? 10'd0 : open + {9'd0, request} - {9'd0, status};
    if (!off) begin
      `TILEWRIGHT_RULE(0, busy === (open != 0), "busy is not 1 exactly while a request has had no status");
      if (status_valid) `TILEWRIGHT_RULE(0, open != 0, "a status without a request");
    end
  end
endmodule
`endif
