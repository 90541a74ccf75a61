// Rules of AXI4 and of the streams at the ports of the DMA writer: offers hold, bursts are legal, each request writes
// as many bytes as it has, and has one status after them, in order.
module dma_writer_checks #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16,
    parameter LENGTH_BITS = 20, ROWS_BITS = 16, STRIDE_BITS = 24, COUNTER_BITS = 32, UNALIGNED = 0
) (
    input clk, rst,
    input request_valid, request_ready,
    input [ADDR_BITS-1:0] request_address,
    input [LENGTH_BITS-1:0] request_bytes,
    input [ROWS_BITS-1:0] request_rows,
    input [STRIDE_BITS-1:0] request_stride,
    input s_axis_tvalid, s_axis_tready,
    input [DATA_BITS-1:0] s_axis_tdata,
    input status_valid, status_ready,
    input [2:0] status_cause,
    input [ADDR_BITS-1:0] status_address,
    input abort, busy, clear_counters,
    input [COUNTER_BITS-1:0] counter_beats, counter_bursts, counter_waiting_memory, counter_waiting_stream, counter_idle,
    input [ADDR_BITS-1:0] m_axi_awaddr,
    input [7:0] m_axi_awlen,
    input [2:0] m_axi_awsize, m_axi_awprot,
    input [1:0] m_axi_awburst, m_axi_bresp,
    input [3:0] m_axi_awcache, m_axi_awqos,
    input [ID_BITS-1:0] m_axi_awid, m_axi_bid,
    input [DATA_BITS-1:0] m_axi_wdata,
    input [DATA_BITS/8-1:0] m_axi_wstrb,
    input m_axi_awlock, m_axi_awvalid, m_axi_awready, m_axi_wvalid, m_axi_wready, m_axi_wlast, m_axi_bvalid, m_axi_bready
);
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  tilewright_write_rules #(ADDR_BITS, DATA_BITS, ID_BITS, MAX_BURST, OUTSTANDING) bus (
      clk, off, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_bresp, m_axi_awid, m_axi_bid, m_axi_wdata,
      m_axi_wstrb, m_axi_awvalid, m_axi_awready, m_axi_wvalid, m_axi_wready, m_axi_wlast, m_axi_bvalid, m_axi_bready);
  tilewright_offer_rule #(ADDR_BITS + LENGTH_BITS + ROWS_BITS + STRIDE_BITS, 1) request_holds (
      clk, off, request_valid, request_ready, {request_address, request_bytes, request_rows, request_stride});
  tilewright_offer_rule #(DATA_BITS, 1) word_holds (clk, off, s_axis_tvalid, s_axis_tready, s_axis_tdata);
  tilewright_request_rules #(ADDR_BITS, COUNTER_BITS) requests (
      clk, off, request_valid && request_ready, status_valid, status_ready, status_cause, status_address, busy,
      {counter_beats, counter_bursts, counter_waiting_memory, counter_waiting_stream, counter_idle});
  tilewright_known_rule #(12) constants (
      clk, off, {m_axi_awlock, m_axi_awcache, m_axi_awprot, m_axi_awqos});

  // Bytes of the requests, as long as nothing is cut short or refused.
  localparam WORD_LOG2 = $clog2(DATA_BITS / 8), TOTAL = LENGTH_BITS + ROWS_BITS, WIDE = ADDR_BITS + STRIDE_BITS + TOTAL;
  reg [TOTAL-1:0] totals[0:127], bytes;
  reg [6:0] asked, current, closed;  // requests accepted, with all their bytes written, with their status taken
  reg doubt;
  initial {asked, current, closed, bytes, doubt} = 0;
  wire [WIDE-1:0] last_row = request_rows - 1'b1;
  wire [WIDE-1:0] address_end = request_address + last_row * request_stride + request_bytes;
  wire misaligned = !UNALIGNED && (request_address[WORD_LOG2-1:0] != 0 || request_stride[WORD_LOG2-1:0] != 0);
  wire refused = request_bytes == 0 || request_rows == 0 || misaligned || (address_end - 1'b1) >> ADDR_BITS != 0;
  reg [TOTAL-1:0] written;
  integer lane;
  always @* begin
    written = bytes;
    for (lane = 0; lane < DATA_BITS / 8; lane = lane + 1) written = written + {{TOTAL - 1{1'b0}}, m_axi_wstrb[lane]};
  end
  wire ends = written == totals[current];
  always @(posedge clk) begin
    if (off || !busy && !request_valid) begin
      {asked, current, closed} <= 0;
      bytes <= 0;
      doubt <= 0;
    end else begin
      if (abort || request_valid && refused || m_axi_bvalid && m_axi_bresp[1]) doubt <= 1;
      if (request_valid && request_ready) begin
        totals[asked] <= request_bytes * request_rows;
        asked <= asked + 7'd1;
      end
      if (m_axi_wvalid && m_axi_wready) begin
        bytes <= ends ? 0 : written;
        if (ends) current <= current + 7'd1;
      end
      if (status_valid && status_ready) closed <= closed + 7'd1;
    end
    if (!off && !doubt && !abort) begin
      if (m_axi_wvalid) begin
        `TILEWRIGHT_RULE(0, asked != current, "data without a request");
        `TILEWRIGHT_RULE(0, written <= totals[current], "more bytes are written than the request has");
      end
      if (status_valid) `TILEWRIGHT_RULE(0, closed != current, "a status before the last byte is written");
    end
  end
endmodule
