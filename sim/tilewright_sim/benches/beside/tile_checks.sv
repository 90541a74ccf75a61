// Rules of the streams at the ports of the tile: offers hold, each activation word gives one result, LATENCY cycles
// later, with its tlast, and packets wait for their weights. The sums of columns that have weights are never X.
module tile_checks #(
    parameter ACT_BITS = 64, WGT_BITS = 64, RESULT_BITS = 19, COLS = 8, LATENCY = 8
) (
    input clk, rst,
    input s_axis_act_tvalid, s_axis_act_tready, s_axis_act_tlast,
    input [ACT_BITS-1:0] s_axis_act_tdata,
    input s_axis_wgt_tvalid, s_axis_wgt_tready, s_axis_wgt_tlast,
    input [WGT_BITS-1:0] s_axis_wgt_tdata,
    input m_axis_res_tvalid, m_axis_res_tlast,
    input [COLS*RESULT_BITS-1:0] m_axis_res_tdata
);
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  tilewright_offer_rule #(ACT_BITS + 1, 1) act_holds (
      clk, off, s_axis_act_tvalid, s_axis_act_tready, {s_axis_act_tdata, s_axis_act_tlast});
  tilewright_offer_rule #(WGT_BITS + 1, 1) wgt_holds (
      clk, off, s_axis_wgt_tvalid, s_axis_wgt_tready, {s_axis_wgt_tdata, s_axis_wgt_tlast});

  wire act = s_axis_act_tvalid && s_axis_act_tready, wgt = s_axis_wgt_tvalid && s_axis_wgt_tready;
  reg [LATENCY-1:0] flight, lasts;  // of the activation words since; the youngest is bit 0
  reg [COLS-1:0] place, filled, used;  // where the next weights go; columns of the next tile; of the running packet
  reg [1:0] tiles;  // complete, and not taken by a packet
  reg [COLS-1:0] columns[0:1];  // of these
  reg between;  // the next activation word begins a packet
  reg [COLS*LATENCY-1:0] known;  // columns of the words in flight
  wire tile_ends = wgt && (s_axis_wgt_tlast || place[COLS-1]);
  wire begins = act && between;
  wire [COLS-1:0] with_weights = begins ? columns[0] : used;
  initial begin
    flight = 0;
    lasts = 0;
    place = 1;
    filled = 0;
    used = 0;
    tiles = 0;
    between = 1;
    known = 0;
    columns[0] = 0;
    columns[1] = 0;
  end
  integer column;
  always @(posedge clk) begin
    if (off) begin
      flight <= 0;
      place <= 1;
      filled <= 0;
      tiles <= 0;
      between <= 1;
    end else begin
      flight <= {flight, act};
      lasts <= {lasts, s_axis_act_tlast};
      known <= {known, with_weights};
      if (act) between <= s_axis_act_tlast;
      if (begins) used <= columns[0];
      if (wgt) place <= tile_ends ? 1 : place << 1;
      if (wgt) filled <= tile_ends ? 0 : filled | place;
      tiles <= tiles + {1'b0, tile_ends} - {1'b0, begins};
      if (begins) columns[0] <= columns[1];
      if (tile_ends) columns[tiles-{1'b0, begins} != 0] <= filled | place;

      if (begins) `TILEWRIGHT_RULE(0, tiles != 0, "a packet begins before its weights are there");
      `TILEWRIGHT_RULE(0, tiles != 3, "weights are taken too far ahead");
      `TILEWRIGHT_KNOWN(m_axis_res_tvalid, "X in a handshake");
      `TILEWRIGHT_RULE(0, m_axis_res_tvalid == flight[LATENCY-1], "not one result LATENCY cycles after each word");
      if (flight[LATENCY-1]) begin
        `TILEWRIGHT_RULE(0, m_axis_res_tlast === lasts[LATENCY-1], "tlast of a result is not that of its word");
        for (column = 0; column < COLS; column = column + 1)
          if (known[COLS*(LATENCY-1)+column])
            `TILEWRIGHT_KNOWN(m_axis_res_tdata[RESULT_BITS*column+:RESULT_BITS], "X in a sum");
      end
    end
  end
endmodule
