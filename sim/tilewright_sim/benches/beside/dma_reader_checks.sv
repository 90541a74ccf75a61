// Rules of AXI4 and of the streams at the ports of the DMA reader: offers hold, bursts are legal, each request has its
// words and one status after them, in order.
module dma_reader_checks #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16,
    parameter LENGTH_BITS = 20, ROWS_BITS = 16, STRIDE_BITS = 24, COUNTER_BITS = 32
) (
    input clk, rst,
    input request_valid, request_ready,
    input [ADDR_BITS-1:0] request_address,
    input [LENGTH_BITS-1:0] request_bytes,
    input [ROWS_BITS-1:0] request_rows,
    input [STRIDE_BITS-1:0] request_stride,
    input m_axis_tvalid, m_axis_tready, m_axis_tlast, m_axis_tuser,
    input [DATA_BITS-1:0] m_axis_tdata,
    input status_valid, status_ready,
    input [2:0] status_cause,
    input [ADDR_BITS-1:0] status_address,
    input abort, busy, clear_counters,
    input [COUNTER_BITS-1:0] counter_beats, counter_bursts, counter_waiting_memory, counter_waiting_stream, counter_idle,
    input [ADDR_BITS-1:0] m_axi_araddr,
    input [7:0] m_axi_arlen,
    input [2:0] m_axi_arsize, m_axi_arprot,
    input [1:0] m_axi_arburst, m_axi_rresp,
    input [3:0] m_axi_arcache, m_axi_arqos,
    input [ID_BITS-1:0] m_axi_arid, m_axi_rid,
    input [DATA_BITS-1:0] m_axi_rdata,
    input m_axi_arlock, m_axi_arvalid, m_axi_arready, m_axi_rvalid, m_axi_rready, m_axi_rlast
);
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  tilewright_read_rules #(ADDR_BITS, DATA_BITS, ID_BITS, MAX_BURST, OUTSTANDING) bus (
      clk, off, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_rresp, m_axi_arid, m_axi_rid, m_axi_rdata,
      m_axi_arvalid, m_axi_arready, m_axi_rvalid, m_axi_rready, m_axi_rlast);
  tilewright_offer_rule #(ADDR_BITS + LENGTH_BITS + ROWS_BITS + STRIDE_BITS, 1) request_holds (
      clk, off, request_valid, request_ready, {request_address, request_bytes, request_rows, request_stride});
  tilewright_offer_rule #(DATA_BITS + 2) word_holds (
      clk, off, m_axis_tvalid, m_axis_tready, {m_axis_tdata, m_axis_tlast, m_axis_tuser});
  tilewright_request_rules #(ADDR_BITS, COUNTER_BITS) requests (
      clk, off, request_valid && request_ready, status_valid, status_ready, status_cause, status_address, busy,
      {counter_beats, counter_bursts, counter_waiting_memory, counter_waiting_stream, counter_idle});
  tilewright_known_rule #(12) constants (
      clk, off, {m_axi_arlock, m_axi_arcache, m_axi_arprot, m_axi_arqos});

  // Words of the requests, as long as nothing is cut short or refused.
  localparam WORD_LOG2 = $clog2(DATA_BITS / 8);
  reg [LENGTH_BITS-1:0] words[0:127], word;
  reg [ROWS_BITS-1:0] rows[0:127], row;
  reg [6:0] asked, current, closed;  // requests accepted, with all their words taken, with their status taken
  reg doubt;
  initial {asked, current, closed, word, row, doubt} = 0;
  wire [LENGTH_BITS:0] word_count = ({1'b0, request_bytes} + DATA_BITS / 8 - 1) >> WORD_LOG2;
  wire row_ends = word + 1'b1 == words[current];
  wire ends = row_ends && row + 1'b1 == rows[current];
  always @(posedge clk) begin
    if (off || !busy && !request_valid) begin
      {asked, current, closed} <= 0;
      word <= 0;
      row <= 0;
      doubt <= 0;
    end else begin
      if (abort || request_valid && (request_bytes == 0 || request_rows == 0)) doubt <= 1;
      if (request_valid && request_ready) begin
        words[asked] <= word_count[LENGTH_BITS-1:0];
        rows[asked] <= request_rows;
        asked <= asked + 7'd1;
      end
      if (m_axis_tvalid && m_axis_tready) begin
        word <= row_ends ? 0 : word + 1'b1;
        if (row_ends) row <= ends ? 0 : row + 1'b1;
        if (ends) current <= current + 7'd1;
      end
      if (status_valid && status_ready) closed <= closed + 7'd1;
    end
    if (!off && !doubt && !abort) begin
      if (m_axis_tvalid) begin
        `TILEWRIGHT_RULE(0, asked != current, "a word without a request");
        `TILEWRIGHT_RULE(0, m_axis_tuser == row_ends, "tuser is not set on the last word of a row");
        `TILEWRIGHT_RULE(0, m_axis_tlast == ends, "tlast is not set on the last word of a request");
      end
      if (status_valid) `TILEWRIGHT_RULE(0, closed != current, "a status before the last word");
    end
  end
endmodule
