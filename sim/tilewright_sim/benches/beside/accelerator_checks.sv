// Rules of AXI4 and AXI4-Lite at the ports of the accelerator, to bind to it: rules that the accelerator must follow, and
// rules that the memory and the host must follow ("memory:", "host:"). Simulators report a broken rule with $error;
// with FORMAL defined, the rules are plain assertions for Yosys.
`ifdef FORMAL
`define TILEWRIGHT_RULE(condition, text) assert (condition)
`else
`define TILEWRIGHT_RULE(condition, text) assert (condition) else $error(text)
`endif

// An offer holds unchanged until it is accepted.
module tilewright_offer_rule #(
    parameter BITS = 1
) (
    input clk, rst, valid, ready,
    input [BITS-1:0] payload
);
  reg held;
  reg [BITS-1:0] kept;
  initial held = 0;
  always @(posedge clk) begin
    held <= !rst && valid && !ready;
    kept <= payload;
    if (!rst && held) begin
      `TILEWRIGHT_RULE(valid, "an offer was withdrawn");
      if (valid) `TILEWRIGHT_RULE(payload == kept, "an offer was changed");
    end
  end
endmodule

// Bursts are INCR, of whole aligned words, within 4 KiB, of at most MAX_BURST beats; at most OUTSTANDING are in flight.
module tilewright_burst_rules #(
    parameter ADDR_BITS = 32, WORD_BYTES = 4, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16
) (
    input clk, rst, accepted, ended,
    input [ADDR_BITS-1:0] addr,
    input [7:0] len,
    input [2:0] size,
    input [1:0] burst,
    input [ID_BITS-1:0] id
);
  localparam WORD_LOG2 = $clog2(WORD_BYTES);
  integer in_flight;
  wire [31:0] beats = {24'd0, len} + 32'd1;
  initial in_flight = 0;
  always @(posedge clk) begin
    in_flight <= rst ? 0 : in_flight + (accepted ? 1 : 0) - (ended ? 1 : 0);
    if (!rst) `TILEWRIGHT_RULE(in_flight <= OUTSTANDING, "more bursts than OUTSTANDING are in flight");
    if (!rst && accepted) begin
      `TILEWRIGHT_RULE({29'd0, size} == WORD_LOG2, "not a burst of whole words");
      `TILEWRIGHT_RULE(burst == 2'b01, "not an INCR burst");
      `TILEWRIGHT_RULE(id == 0, "the identifier is not 0");
      `TILEWRIGHT_RULE(addr[WORD_LOG2-1:0] == 0, "an unaligned address");
      `TILEWRIGHT_RULE(beats <= MAX_BURST, "a burst of more than MAX_BURST beats");
      `TILEWRIGHT_RULE({20'd0, addr[11:0]} + beats * WORD_BYTES <= 4096, "a burst passes 4 KiB");
    end
  end
endmodule

// Only the last beat of a burst has last = 1; EARLY data may come before their address.
module tilewright_last_rule #(
    parameter EARLY = 0
) (
    input clk, rst, address, beat, last,
    input [7:0] len
);
  reg [7:0] lengths[0:127], beats[0:127];
  reg [6:0] asked, ended;
  reg [7:0] count;
  initial {asked, ended, count} = 0;
  wire ahead = asked != ended && !(asked - ended >= 7'd64);  // more addresses than bursts of data
  wire behind = asked != ended && !ahead;
  always @(posedge clk) begin
    if (rst) begin
      asked <= 0;
      ended <= 0;
      count <= 0;
    end else begin
      if (address) begin
        lengths[asked] <= len;
        asked <= asked + 7'd1;
        if (behind) `TILEWRIGHT_RULE(beats[asked] == len, "the number of beats is not that of the burst");
      end
      if (beat) begin
        count <= last ? 8'd0 : count + 8'd1;
        if (!EARLY) `TILEWRIGHT_RULE(ahead, "data without a request");
        if (ahead) `TILEWRIGHT_RULE(last == (count == lengths[ended]), "last is set on the wrong beat");
        if (last) begin
          beats[ended] <= count;
          ended <= ended + 7'd1;
          if (!ahead && !behind && address) `TILEWRIGHT_RULE(count == len, "the number of beats is not that of the burst");
        end
      end
    end
  end
endmodule

// Each response follows its request.
module tilewright_answer_rule (
    input clk, rst, first, second, answer
);
  integer firsts, seconds;
  initial {firsts, seconds} = 0;
  always @(posedge clk) begin
    firsts <= rst ? 0 : firsts + (first ? 1 : 0) - (answer ? 1 : 0);
    seconds <= rst ? 0 : seconds + (second ? 1 : 0) - (answer ? 1 : 0);
    if (!rst && answer) `TILEWRIGHT_RULE(firsts > 0 && seconds > 0, "a response without a request");
  end
endmodule

module accelerator_checks #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16, LITE_BITS = 9
) (
    input clk, rst,
    input [ADDR_BITS-1:0] m_axi_araddr, m_axi_awaddr,
    input [7:0] m_axi_arlen, m_axi_awlen,
    input [2:0] m_axi_arsize, m_axi_awsize,
    input [1:0] m_axi_arburst, m_axi_awburst, m_axi_rresp, m_axi_bresp,
    input [ID_BITS-1:0] m_axi_arid, m_axi_awid, m_axi_rid, m_axi_bid,
    input [DATA_BITS-1:0] m_axi_rdata, m_axi_wdata,
    input [DATA_BITS/8-1:0] m_axi_wstrb,
    input m_axi_arvalid, m_axi_arready, m_axi_rvalid, m_axi_rready, m_axi_rlast,
    input m_axi_awvalid, m_axi_awready, m_axi_wvalid, m_axi_wready, m_axi_wlast, m_axi_bvalid, m_axi_bready,
    input [LITE_BITS-1:0] s_axil_awaddr, s_axil_araddr,
    input [31:0] s_axil_wdata, s_axil_rdata,
    input [3:0] s_axil_wstrb,
    input [1:0] s_axil_bresp, s_axil_rresp,
    input s_axil_awvalid, s_axil_awready, s_axil_wvalid, s_axil_wready, s_axil_bvalid, s_axil_bready,
    input s_axil_arvalid, s_axil_arready, s_axil_rvalid, s_axil_rready,
    input irq
);
  wire ar = m_axi_arvalid && m_axi_arready, r = m_axi_rvalid && m_axi_rready;
  wire aw = m_axi_awvalid && m_axi_awready, w = m_axi_wvalid && m_axi_wready, b = m_axi_bvalid && m_axi_bready;
  wire [DATA_BITS-1:0] written;  // bytes without a strobe are undefined
  genvar lane;
  generate
    for (lane = 0; lane < DATA_BITS / 8; lane = lane + 1) begin : lanes
      assign written[8*lane+:8] = m_axi_wdata[8*lane+:8] & {8{m_axi_wstrb[lane]}};
    end
  endgenerate

  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13) ar_holds (
      clk, rst, m_axi_arvalid, m_axi_arready, {m_axi_araddr, m_axi_arid, m_axi_arlen, m_axi_arsize, m_axi_arburst});
  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13) aw_holds (
      clk, rst, m_axi_awvalid, m_axi_awready, {m_axi_awaddr, m_axi_awid, m_axi_awlen, m_axi_awsize, m_axi_awburst});
  tilewright_offer_rule #(DATA_BITS + DATA_BITS / 8 + 1) w_holds (
      clk, rst, m_axi_wvalid, m_axi_wready, {written, m_axi_wstrb, m_axi_wlast});
  tilewright_burst_rules #(ADDR_BITS, DATA_BITS / 8, ID_BITS, MAX_BURST, OUTSTANDING) ar_bursts (
      clk, rst, ar, r && m_axi_rlast, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arid);
  tilewright_burst_rules #(ADDR_BITS, DATA_BITS / 8, ID_BITS, MAX_BURST, OUTSTANDING) aw_bursts (
      clk, rst, aw, b, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awid);
  tilewright_last_rule #(1) w_last (clk, rst, aw, w, m_axi_wlast, m_axi_awlen);

  // memory:
  tilewright_offer_rule #(DATA_BITS + ID_BITS + 3) r_holds (
      clk, rst, m_axi_rvalid, m_axi_rready, {m_axi_rdata, m_axi_rid, m_axi_rresp, m_axi_rlast});
  tilewright_offer_rule #(ID_BITS + 2) b_holds (clk, rst, m_axi_bvalid, m_axi_bready, {m_axi_bid, m_axi_bresp});
  tilewright_last_rule #(0) r_last (clk, rst, ar, r, m_axi_rlast, m_axi_arlen);
  tilewright_answer_rule b_answers (clk, rst, aw, w && m_axi_wlast, b);

  tilewright_offer_rule #(2) s_b_holds (clk, rst, s_axil_bvalid, s_axil_bready, s_axil_bresp);
  tilewright_offer_rule #(34) s_r_holds (clk, rst, s_axil_rvalid, s_axil_rready, {s_axil_rdata, s_axil_rresp});
  tilewright_answer_rule s_b_answers (
      clk, rst, s_axil_awvalid && s_axil_awready, s_axil_wvalid && s_axil_wready, s_axil_bvalid && s_axil_bready);
  tilewright_answer_rule s_r_answers (
      clk, rst, s_axil_arvalid && s_axil_arready, s_axil_arvalid && s_axil_arready, s_axil_rvalid && s_axil_rready);

  // host:
  tilewright_offer_rule #(LITE_BITS) s_ar_holds (clk, rst, s_axil_arvalid, s_axil_arready, s_axil_araddr);
  tilewright_offer_rule #(LITE_BITS) s_aw_holds (clk, rst, s_axil_awvalid, s_axil_awready, s_axil_awaddr);
  tilewright_offer_rule #(36) s_w_holds (clk, rst, s_axil_wvalid, s_axil_wready, {s_axil_wdata, s_axil_wstrb});

  always @(posedge clk)
    if (!rst) begin
      `TILEWRIGHT_RULE(^{m_axi_arvalid, m_axi_awvalid, m_axi_wvalid, m_axi_rready, m_axi_bready} !== 1'bx, "X on m_axi");
      `TILEWRIGHT_RULE(^{s_axil_awready, s_axil_wready, s_axil_arready, s_axil_bvalid, s_axil_rvalid, irq} !== 1'bx,
                       "X on s_axil or irq");
    end
endmodule
