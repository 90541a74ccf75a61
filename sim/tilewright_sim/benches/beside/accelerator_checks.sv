// Rules at the ports of the accelerator: AXI4, AXI4-Lite, its registers and its descriptors. Nothing that counts is X.
module accelerator_checks #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, ID_BITS = 4, MAX_BURST = 16, OUTSTANDING = 16, LITE_BITS = 9,
    parameter SIZE_BITS = 16, STRIDE_BITS = 24, UNALIGNED = 0, FLAGS = 8, VERSION = 1, ECC = 0, CONVOLUTION = 0,
    parameter VECTOR_LANES = 0, RECORD_BYTES = 0, SCALED = 0, B_FORMATS = 1, INTEGER = 255,
    parameter [7:0] A_RECORD = 1, parameter [31:0] B_RECORDS = 1, parameter VARIABLES = 0,
    parameter [1:0] ROUNDINGS = 3,
    parameter [31:0] SIZE_LIMIT = 65535, K_LIMIT = 2048,
    parameter [127:0] READABLE = 0, WRITABLE = 0
) (
    input clk, rst,
    input [ADDR_BITS-1:0] m_axi_araddr, m_axi_awaddr,
    input [7:0] m_axi_arlen, m_axi_awlen,
    input [2:0] m_axi_arsize, m_axi_awsize, m_axi_arprot, m_axi_awprot, s_axil_arprot, s_axil_awprot,
    input [3:0] m_axi_arcache, m_axi_awcache, m_axi_arqos, m_axi_awqos,
    input m_axi_arlock, m_axi_awlock,
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
  wire off;
  tilewright_reset_rule reset (clk, rst, off);
  tilewright_read_rules #(ADDR_BITS, DATA_BITS, ID_BITS, MAX_BURST, OUTSTANDING) reads (
      clk, off, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_rresp, m_axi_arid, m_axi_rid, m_axi_rdata,
      m_axi_arvalid, m_axi_arready, m_axi_rvalid, m_axi_rready, m_axi_rlast);
  tilewright_write_rules #(ADDR_BITS, DATA_BITS, ID_BITS, MAX_BURST, OUTSTANDING) writes (
      clk, off, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_bresp, m_axi_awid, m_axi_bid, m_axi_wdata,
      m_axi_wstrb, m_axi_awvalid, m_axi_awready, m_axi_wvalid, m_axi_wready, m_axi_wlast, m_axi_bvalid, m_axi_bready);

  wire s_aw = s_axil_awvalid && s_axil_awready, s_w = s_axil_wvalid && s_axil_wready;
  wire s_b = s_axil_bvalid && s_axil_bready, s_ar = s_axil_arvalid && s_axil_arready;
  tilewright_offer_rule #(2) s_b_holds (clk, off, s_axil_bvalid, s_axil_bready, s_axil_bresp);
  tilewright_offer_rule #(34) s_r_holds (clk, off, s_axil_rvalid, s_axil_rready, {s_axil_rdata, s_axil_rresp});
  tilewright_answer_rule s_b_answers_address (clk, off, s_aw, s_b);
  tilewright_answer_rule s_b_answers_data (clk, off, s_w, s_b);
  tilewright_answer_rule s_r_answers (clk, off, s_ar, s_axil_rvalid && s_axil_rready);
  tilewright_offer_rule #(LITE_BITS, 1) s_ar_holds (clk, off, s_axil_arvalid, s_axil_arready, s_axil_araddr);
  tilewright_offer_rule #(LITE_BITS, 1) s_aw_holds (clk, off, s_axil_awvalid, s_axil_awready, s_axil_awaddr);
  tilewright_offer_rule #(36, 1) s_w_holds (clk, off, s_axil_wvalid, s_axil_wready, {s_axil_wdata, s_axil_wstrb});
  tilewright_known_rule #(25) levels (
      clk, off, {irq, m_axi_arprot, m_axi_awprot, m_axi_arcache, m_axi_awcache, m_axi_arqos, m_axi_awqos,
      m_axi_arlock, m_axi_awlock});

  wire write, read, calm;
  wire [6:0] word, read_word;
  wire [31:0] data;
  tilewright_register_rules #(LITE_BITS, READABLE, WRITABLE) registers (
      clk, off, s_aw, s_w, s_axil_bvalid, s_axil_bready, s_ar, s_axil_rvalid, s_axil_rready, s_axil_awaddr, s_axil_araddr,
      s_axil_wdata, s_axil_rdata, s_axil_wstrb, s_axil_bresp, s_axil_rresp, write, read, word, read_word, data, calm);
  tilewright_descriptor_rules #(
      ADDR_BITS, DATA_BITS, SIZE_BITS, STRIDE_BITS, UNALIGNED, SIZE_LIMIT, K_LIMIT, FLAGS, VERSION, ROUNDINGS,
      ECC, CONVOLUTION, VECTOR_LANES, RECORD_BYTES, SCALED, B_FORMATS, INTEGER, A_RECORD, B_RECORDS,
      VARIABLES) descriptors (
      clk, off, write, read, calm, word, read_word, data, s_axil_rdata, m_axi_arvalid && m_axi_arready,
      m_axi_rvalid && m_axi_rready, m_axi_rlast, m_axi_rresp[1], m_axi_awvalid && m_axi_awready,
      m_axi_wvalid && m_axi_wready, m_axi_wlast, m_axi_bvalid && m_axi_bready, m_axi_bresp[1], irq, m_axi_araddr,
      m_axi_awaddr, m_axi_arlen, m_axi_awlen, m_axi_rdata, m_axi_wstrb);
endmodule
