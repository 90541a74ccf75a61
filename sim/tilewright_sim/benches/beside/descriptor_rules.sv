// Descriptors are fetched in turn, at most 5 (with a vector engine 7) are in progress, the bus serves their operands only, bytes of C are written
// of the oldest alone, HEAD and the interrupt follow, and what is not legal fails with its error. After an error response,
// an abort, or what hosts should not do, these rules rest until a reset, or until the host has read the failed
// descriptor's number and resumes.
module tilewright_descriptor_rules #(
    parameter ADDR_BITS = 32, DATA_BITS = 64, SIZE_BITS = 16, STRIDE_BITS = 24, UNALIGNED = 0,
    parameter [31:0] SIZE_LIMIT = 65535, K_LIMIT = 2048, parameter FLAGS = 8, VERSION = 1,
    parameter [1:0] ROUNDINGS = 3, parameter ECC = 0, CONVOLUTION = 0, VECTOR_LANES = 0, RECORD_BYTES = 0,
    parameter SCALED = 0, B_FORMATS = 1, INTEGER = 255, parameter [7:0] A_RECORD = 1, parameter [31:0] B_RECORDS = 1,
    parameter VARIABLES = 0
) (
    input clk, off, write, read, calm,
    input [6:0] word, read_word,
    input [31:0] data, read_data,
    input ar, r, rlast, r_failed, aw, w, wlast, b, b_failed, irq,
    input [ADDR_BITS-1:0] araddr, awaddr,
    input [7:0] arlen, awlen,
    input [DATA_BITS-1:0] rdata,
    input [DATA_BITS/8-1:0] wstrb
);
  localparam [15:0] MOST = VECTOR_LANES ? 7 : 5;
  localparam WORD_BYTES = DATA_BITS / 8, LOW = $clog2(WORD_BYTES), TOTAL = 2 * SIZE_BITS + 2;
  localparam [6:0] CONTROL = 8, COMMAND = 9, STATUS = 10, IRQ_ENABLE = 12, IRQ_STATUS = 13, BASE_LO = 16, BASE_HI = 17,
      LOG2 = 18, HEAD = 19, TAIL = 20, ERROR = 21, ERROR_INDEX = 22, DIRECT = 32, VARIABLE = 96;

  // The host's registers, and the pointers: completed, fetched, submitted.
  reg lost, resetting, enable, permit, failed_seen, index_seen;
  reg [2:0] irq_enable, pending;
  reg [63:0] base;
  reg [3:0] log2;
  reg [15:0] head, fetched, tail, index, head_read;
  reg [6:0] since;  // cycles since something was completed
  // Descriptors in progress, by the low bits of their numbers.
  reg [7:0] there;
  reg [4*ADDR_BITS-1:0] firsts[0:7];
  reg [4*ADDR_BITS+3:0] ends[0:7];
  reg [TOTAL-1:0] totals[0:7];
  reg [3:0] reads[0:7], codes[0:7];
  reg interrupts[0:7];
  reg bad;  // the last of them is not legal
  reg [15:0] bad_number;
  // The fetch, and the kinds of bursts that the memory has not answered.
  reg [511:0] raw, variables;
  reg [6:0] asked, arrived;  // bytes of the descriptor
  reg gathered;  // all have come
  reg [ADDR_BITS-1:0] next_fetch;
  reg [127:0] fetches;
  reg [6:0] issued, answered;
  // Writes of the oldest.
  reg [TOTAL-1:0] bytes;
  reg [7:0] aw_open, w_open;

  wire [3:0] code;
  wire interrupt;
  wire [4*ADDR_BITS-1:0] raw_firsts;
  wire [4*ADDR_BITS+3:0] raw_ends;
  wire [3:0] raw_reads;
  wire [TOTAL-1:0] total;
  wire [511:0] resolved;
  tilewright_references #(VARIABLES) references (raw, variables, resolved);
  tilewright_descriptor #(
      ADDR_BITS, WORD_BYTES, SIZE_BITS, STRIDE_BITS, UNALIGNED, SIZE_LIMIT, K_LIMIT, FLAGS, VERSION, ROUNDINGS,
      CONVOLUTION, VECTOR_LANES, RECORD_BYTES, SCALED, B_FORMATS, INTEGER, A_RECORD, B_RECORDS)
      descriptor (resolved, code, interrupt, raw_firsts, raw_ends, raw_reads, total);

  wire [ADDR_BITS:0] ring_end = base + (65'd64 << log2);
  wire [15:0] place = fetched & ((16'd1 << log2) - 16'd1);
  wire [64:0] entry = base + {place, 6'd0};
  wire more_fetch = asked != 0 && asked != 64 && araddr == next_fetch;
  wire new_fetch = permit && araddr == entry;
  wire [ADDR_BITS:0] read_end = araddr + (arlen + 1'b1) * WORD_BYTES, write_end = awaddr + (awlen + 1'b1) * WORD_BYTES;
  wire [2:0] oldest = head[2:0], newest = fetched[2:0] - 3'd1;
  reg readable, overlaps;
  reg [TOTAL-1:0] written;
  reg [ADDR_BITS-1:0] first;
  reg [ADDR_BITS:0] past;
  integer i, j;
  always @* begin
    readable = 0;
    for (i = 0; i < 8; i = i + 1)
      for (j = 0; j < 4; j = j + 1) begin
        first = firsts[i] >> ADDR_BITS * j;
        past = ends[i] >> (ADDR_BITS + 1) * j;
        past = (past + WORD_BYTES - 1) >> LOW << LOW;
        if (there[i] && codes[i] == 0 && reads[i][j] && araddr >= (first >> LOW << LOW) && read_end <= past)
          readable = 1;
      end
    overlaps = 0;
    for (j = 0; j < 4; j = j + 1) begin
      first = raw_firsts >> ADDR_BITS * j;
      past = raw_ends >> (ADDR_BITS + 1) * j;
      if ((raw_reads[j] && !(j == 0 && CONVOLUTION != 0 && raw[24]) || j == 3) && first < ring_end && past > base) overlaps = 1;
    end
    written = bytes;
    for (j = 0; j < WORD_BYTES; j = j + 1) written = written + wstrb[j];
    first = firsts[oldest] >> ADDR_BITS * 3;
    past = ends[oldest] >> (ADDR_BITS + 1) * 3;
    past = (past + WORD_BYTES - 1) >> LOW << LOW;
  end
  wire may_write = there[oldest] && codes[oldest] == 0;
  wire completes = may_write && bytes == totals[oldest] && aw_open == 0 && w_open == 0;

  task forget;  // all descriptors in progress
    begin
      there <= 0;
      bad <= 0;
      permit <= 0;
      asked <= 0;
      arrived <= 0;
      gathered <= 0;
      bytes <= 0;
      failed_seen <= 0;
      index_seen <= 0;
    end
  endtask

  task clear;
    begin
      forget;
      lost <= 0;
      resetting <= 0;
      enable <= 0;
      irq_enable <= 0;
      pending <= 0;
      base <= 0;
      log2 <= 0;
      head <= 0;
      fetched <= 0;
      tail <= 0;
      head_read <= 0;
      since <= 0;
      variables <= 0;
    end
  endtask

  initial begin
    {lost, resetting, enable, permit, failed_seen, index_seen, irq_enable, pending, base, log2, head, fetched, tail} = 0;
    {index, head_read, since, there, bad, bad_number, raw, asked, arrived, gathered, next_fetch, variables} = 0;
    {fetches, issued, answered, bytes, aw_open, w_open} = 0;
  end

  always @(posedge clk) begin
    if (off) begin
      clear;
      {issued, answered, aw_open, w_open} <= 0;
    end else begin
      if (since != 127) since <= since + 7'd1;
      if (enable && tail != fetched && asked == 0 && !bad) permit <= 1;

      // Reads.
      if (ar) begin
        fetches[issued] <= more_fetch || new_fetch;
        issued <= issued + 7'd1;
        if (more_fetch || new_fetch) begin
          asked <= (more_fetch ? asked : 7'd0) + (arlen + 7'd1) * WORD_BYTES;
          next_fetch <= araddr + (arlen + 1'b1) * WORD_BYTES;
        end
        if (new_fetch && !more_fetch) begin
          permit <= 0;
          fetched <= fetched + 16'd1;
          arrived <= 0;
          if (!lost) `TILEWRIGHT_RULE(0, fetched - head < MOST, "more descriptors are in progress than there may be");
        end else if (!lost && !more_fetch) `TILEWRIGHT_RULE(0, readable, "neither a descriptor nor an operand is read");
      end
      if (r) begin
        if (fetches[answered]) begin
          raw[8*arrived+:DATA_BITS] <= rdata;
          arrived <= arrived + WORD_BYTES;
          if (arrived + WORD_BYTES == 64) gathered <= 1;
        end
        if (rlast) answered <= answered + 7'd1;
      end
      if (gathered) begin
        gathered <= 0;
        asked <= 0;
        there[newest] <= 1;
        firsts[newest] <= raw_firsts;
        ends[newest] <= raw_ends;
        totals[newest] <= total;
        reads[newest] <= raw_reads;
        codes[newest] <= code;
        interrupts[newest] <= interrupt;
        if (code != 0) begin
          bad <= 1;
          permit <= 0;
          bad_number <= fetched - 16'd1;
        end else if (enable && overlaps) lost <= 1;
      end

      // Writes.
      aw_open <= aw_open + {7'd0, aw} - {7'd0, b};
      w_open <= w_open + {7'd0, w && wlast} - {7'd0, b};
      if (w) bytes <= written;
      if (!lost && aw) `TILEWRIGHT_RULE(0, may_write && awaddr >= (first >> LOW << LOW) && write_end <= past,
                                        "a write is not within C of the oldest descriptor");
      if (!lost && w) `TILEWRIGHT_RULE(0, may_write && written <= totals[oldest], "more bytes are written than C has");
      if (completes) begin
        there[oldest] <= 0;
        bytes <= 0;
        head <= head + 16'd1;
        pending <= pending | {1'b1, 1'b0, interrupts[oldest]};
        since <= 0;
      end
      if (r && r_failed || b && b_failed) lost <= 1;

      // The host writes.
      if (write)
        case (word)
          CONTROL: enable <= data[0];
          IRQ_ENABLE: irq_enable <= data[2:0];
          IRQ_STATUS: if (since > 64 && !completes) pending <= pending & ~data[2:0];
          BASE_LO: base[31:6] <= data[31:6];
          BASE_HI: base[63:32] <= data;
          LOG2: log2 <= data[3:0];
          TAIL: tail <= data[15:0];
          COMMAND: begin
            if (data[0]) lost <= 1;
            if (data[2]) {lost, resetting} <= 3;
            if (data[1] && !data[2] && !data[0]) begin
              if (failed_seen && index_seen) begin
                forget;
                lost <= resetting;
                head <= index + 16'd1;
                head_read <= index;
                fetched <= index + 16'd1;
                pending <= 7;
                since <= 0;
              end else if (bad || lost) begin
                lost <= 1;
                forget;
              end
            end
          end
          default:
          if (word[6:4] == DIRECT / 16) begin
            raw[32*word[3:0]+:32] <= data;
            if (!lost) `TILEWRIGHT_RULE(0, head == tail && !bad, "a descriptor is taken while another is in progress");
            if (word[3:0] == 15) begin
              gathered <= 1;
              fetched <= fetched + 16'd1;
              tail <= tail + 16'd1;
            end
          end else if (word >= VARIABLE) variables[32*word[3:0]+:32] <= data;
        endcase
      if (write && (word == BASE_LO || word == BASE_HI || word == LOG2) && enable && tail != head) lost <= 1;
      if (write && word == TAIL && (data[15:0] - head > 16'd1 << log2 || data[15:0] - head < tail - head)) lost <= 1;
      if (enable && tail != fetched && entry >> ADDR_BITS != 0) lost <= 1;
      if (write && resetting && word != COMMAND) {resetting, index_seen} <= 0;  // it may be reset or not

      // The host reads.
      if (read)
        case (read_word)
          STATUS: begin
            if (ECC && read_data[1] && !(bad && head == bad_number)) lost <= 1;  // a flip that was stored
            else if (!lost && read_data[1])
              `TILEWRIGHT_RULE(0, bad && head == bad_number, "a descriptor fails without a cause, or before its turn");
            failed_seen <= read_data[2:1] == 1;
            if (read_data[2:1] != 1) index_seen <= 0;
            if (resetting && read_data[2:0] == 0) clear;
          end
          HEAD, ERROR_INDEX: begin
            if (!lost && read_word == HEAD) begin
              `TILEWRIGHT_RULE(0, head - read_data[15:0] < 16'd32768, "HEAD counts what is not complete");
              `TILEWRIGHT_RULE(0, read_data[15:0] - head_read < 16'd32768, "HEAD goes back");
              head_read <= read_data[15:0];
            end
            if (!lost && bad && failed_seen)
              `TILEWRIGHT_RULE(0, read_data[15:0] == bad_number, "not the number of the descriptor that failed");
            index <= read_data[15:0];
            index_seen <= failed_seen;
          end
          TAIL: begin
            if (!lost) `TILEWRIGHT_RULE(0, !calm || read_data[15:0] == tail, "TAIL is not what was submitted");
          end
          ERROR: begin
            if (!lost && !(ECC && read_data[3:0] == 9))
              `TILEWRIGHT_RULE(0, read_data[3:0] == 0 || bad && read_data[3:0] == codes[bad_number[2:0]],
                               "not the error of the descriptor");
          end
          default: begin
          end
        endcase
      if (bad && head == bad_number) pending[1] <= 1;
      if (!lost && calm)
        `TILEWRIGHT_RULE(0, !irq || ((pending | {1'b0, ECC != 0, 1'b0}) & irq_enable) != 0,
                         "an interrupt without a cause");
    end
  end
endmodule
