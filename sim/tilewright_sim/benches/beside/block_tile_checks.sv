// Rules of the streams at the ports of the tile with block scales: offers hold, packets wait for their weights, and each
// word of the last packet of its sums gives one result, LATENCY cycles later, with its tlast. Results are never X.
module block_tile_checks #(
    parameter ACT_BITS = 264, WGT_BITS = 160, RESULT_BITS = 54, COLS = 8, LATENCY = 16
) (
    input clk, rst,
    input s_axis_act_tvalid, s_axis_act_tready, s_axis_act_tlast,
    input [ACT_BITS-1:0] s_axis_act_tdata,
    input [1:0] s_axis_act_tuser,
    input s_axis_wgt_tvalid, s_axis_wgt_tready,
    input [WGT_BITS-1:0] s_axis_wgt_tdata,
    input m_axis_res_tvalid, m_axis_res_tlast,
    input [COLS*RESULT_BITS-1:0] m_axis_res_tdata
);
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  tilewright_offer_rule #(ACT_BITS + 3, 1) act_holds (
      clk, off, s_axis_act_tvalid, s_axis_act_tready, {s_axis_act_tdata, s_axis_act_tuser, s_axis_act_tlast});
  tilewright_offer_rule #(WGT_BITS, 1) wgt_holds (
      clk, off, s_axis_wgt_tvalid, s_axis_wgt_tready, s_axis_wgt_tdata);

  wire act = s_axis_act_tvalid && s_axis_act_tready, wgt = s_axis_wgt_tvalid && s_axis_wgt_tready;
  reg [LATENCY-1:0] flight, lasts;  // of the words of last packets since; the youngest is bit 0
  reg [COLS-1:0] place;  // where the next weights go
  reg [1:0] tiles;  // complete, and not taken by a packet
  reg between;  // the next activation word begins a packet
  reg sums_begun;  // a packet with `first` was seen
  wire tile_ends = wgt && place[COLS-1];
  wire begins = act && between;
  initial begin
    flight = 0;
    lasts = 0;
    place = 1;
    tiles = 0;
    between = 1;
    sums_begun = 0;
  end
  always @(posedge clk) begin
    if (off) begin
      flight <= 0;
      place <= 1;
      tiles <= 0;
      between <= 1;
      sums_begun <= 0;
    end else begin
      flight <= {flight, act && s_axis_act_tuser[1]};
      lasts <= {lasts, s_axis_act_tlast};
      if (act) between <= s_axis_act_tlast;
      if (begins) sums_begun <= sums_begun || s_axis_act_tuser[0];
      if (wgt) place <= tile_ends ? 1 : place << 1;
      tiles <= tiles + {1'b0, tile_ends} - {1'b0, begins};

      if (begins) `TILEWRIGHT_RULE(0, tiles != 0, "a packet begins before its weights are there");
      if (begins) `TILEWRIGHT_RULE(1, sums_begun || s_axis_act_tuser[0], "the first packet is not the first of its sums");
      `TILEWRIGHT_RULE(0, tiles != 3, "weights are taken too far ahead");
      `TILEWRIGHT_KNOWN(m_axis_res_tvalid, "X in a handshake");
      `TILEWRIGHT_RULE(0, m_axis_res_tvalid == flight[LATENCY-1], "not one result LATENCY cycles after each last word");
      if (flight[LATENCY-1]) begin
        `TILEWRIGHT_RULE(0, m_axis_res_tlast === lasts[LATENCY-1], "tlast of a result is not that of its word");
        `TILEWRIGHT_KNOWN(m_axis_res_tdata, "X in a sum");
      end
    end
  end
endmodule
