// Rules of AXI4 at the port of the SDRAM controller, and that its pins are never X.
module sdram_checks #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, DQ_BITS = 16, ROW_BITS = 13, BANK_BITS = 2
) (
    input clk, rst,
    input [ADDR_BITS-1:0] s_axi_araddr, s_axi_awaddr,
    input [7:0] s_axi_arlen, s_axi_awlen,
    input [2:0] s_axi_arsize, s_axi_awsize, s_axi_arprot, s_axi_awprot,
    input [3:0] s_axi_arcache, s_axi_awcache, s_axi_arqos, s_axi_awqos,
    input s_axi_arlock, s_axi_awlock,
    input [1:0] s_axi_arburst, s_axi_awburst, s_axi_rresp, s_axi_bresp,
    input [ID_BITS-1:0] s_axi_arid, s_axi_awid, s_axi_rid, s_axi_bid,
    input [DATA_BITS-1:0] s_axi_rdata, s_axi_wdata,
    input [DATA_BITS/8-1:0] s_axi_wstrb,
    input s_axi_arvalid, s_axi_arready, s_axi_rvalid, s_axi_rready, s_axi_rlast,
    input s_axi_awvalid, s_axi_awready, s_axi_wvalid, s_axi_wready, s_axi_wlast, s_axi_bvalid, s_axi_bready,
    input sdram_cke, sdram_cs_n, sdram_ras_n, sdram_cas_n, sdram_we_n, sdram_dq_oe,
    input [BANK_BITS-1:0] sdram_ba,
    input [ROW_BITS-1:0] sdram_a,
    input [DQ_BITS/8-1:0] sdram_dqm,
    input [DQ_BITS-1:0] sdram_dq_o, sdram_dq_i,
    input started
);
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  wire ar = s_axi_arvalid && s_axi_arready, r = s_axi_rvalid && s_axi_rready;
  wire aw = s_axi_awvalid && s_axi_awready, w = s_axi_wvalid && s_axi_wready, b = s_axi_bvalid && s_axi_bready;
  wire [DATA_BITS-1:0] written;
  genvar lane;
  generate
    for (lane = 0; lane < DQ_BITS / 8; lane = lane + 1) begin : bytes
      tilewright_known_rule #(8) known (
          clk, off || !sdram_dq_oe || sdram_dqm[lane], sdram_dq_o[8*lane+:8]);
    end
    for (lane = 0; lane < DATA_BITS / 8; lane = lane + 1) begin : lanes
      assign written[8*lane+:8] = s_axi_wdata[8*lane+:8] & {8{s_axi_wstrb[lane]}};
    end
  endgenerate
  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13, 1) ar_holds (
      clk, off, s_axi_arvalid, s_axi_arready, {s_axi_araddr, s_axi_arid, s_axi_arlen, s_axi_arsize, s_axi_arburst});
  tilewright_offer_rule #(ADDR_BITS + ID_BITS + 13, 1) aw_holds (
      clk, off, s_axi_awvalid, s_axi_awready, {s_axi_awaddr, s_axi_awid, s_axi_awlen, s_axi_awsize, s_axi_awburst});
  tilewright_offer_rule #(DATA_BITS + DATA_BITS / 8 + 1, 1) w_holds (
      clk, off, s_axi_wvalid, s_axi_wready, {written, s_axi_wstrb, s_axi_wlast});
  tilewright_last_rule #(1, 1) w_last (clk, off, aw, w, s_axi_wlast, s_axi_awlen);

  tilewright_offer_rule #(ID_BITS + 3) r_holds (
      clk, off, s_axi_rvalid, s_axi_rready, {s_axi_rid, s_axi_rresp, s_axi_rlast});
  tilewright_offer_rule #(ID_BITS + 2) b_holds (clk, off, s_axi_bvalid, s_axi_bready, {s_axi_bid, s_axi_bresp});
  tilewright_last_rule #(0, 0) r_last (clk, off, ar, r, s_axi_rlast, s_axi_arlen);
  tilewright_answer_rule b_answers_address (clk, off, aw, b);
  tilewright_answer_rule b_answers_data (clk, off, w && s_axi_wlast, b);
  tilewright_order_rule #(ID_BITS) r_order (clk, off, ar, s_axi_arid, s_axi_rvalid, r && s_axi_rlast, s_axi_rid);
  tilewright_order_rule #(ID_BITS) b_order (clk, off, aw, s_axi_awid, s_axi_bvalid, b, s_axi_bid);

  tilewright_known_rule #(7 + DQ_BITS / 8) pins (
      clk, off, {sdram_cke, sdram_cs_n, sdram_ras_n, sdram_cas_n, sdram_we_n, sdram_dq_oe, started, sdram_dqm});
  wire active = !sdram_cs_n && !sdram_ras_n && sdram_cas_n && sdram_we_n;
  wire access = !sdram_cs_n && sdram_ras_n && !sdram_cas_n;
  reg was_started, held;
  reg [DATA_BITS-1:0] kept;
  initial {was_started, held} = 0;
  always @(posedge clk) begin
    was_started <= !off && started;
    held <= !off && s_axi_rvalid && !s_axi_rready;
    kept <= s_axi_rdata;
    if (!off) begin
      if (held) `TILEWRIGHT_RULE(0, s_axi_rdata === kept, "an offer was changed");  // memory itself may be X
      if (was_started) `TILEWRIGHT_RULE(0, started, "the chip is not started any more");
      if (active || access) `TILEWRIGHT_KNOWN({sdram_ba, sdram_a}, "X in an address of the chip");
    end
  end
endmodule

// Bursts are answered in order, each with the identifier that it came with.
module tilewright_order_rule #(
    parameter ID_BITS = 4
) (
    input clk, off, request,
    input [ID_BITS-1:0] id,
    input valid, answered,
    input [ID_BITS-1:0] answer_id
);
  reg [ID_BITS-1:0] ids[0:255];
  reg [7:0] asked, ended;
  initial {asked, ended} = 0;
  always @(posedge clk) begin
    if (off) {asked, ended} <= 0;
    else begin
      if (request) begin
        ids[asked] <= id;
        asked <= asked + 8'd1;
      end
      if (answered) ended <= ended + 8'd1;
      if (valid) `TILEWRIGHT_RULE(0, answer_id === ids[ended], "not the identifier of the burst");
    end
  end
endmodule
