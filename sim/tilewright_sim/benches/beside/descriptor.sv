// The descriptor with the values of the variables to which it refers: m, n, k, and the addresses of A, B and C. A reference
// to a variable that there is not, or whose sum has too many bits, stays as it is.
module tilewright_references #(
    parameter VARIABLES = 0
) (
    input [511:0] raw, variables,
    output [511:0] resolved
);
  localparam [127:0] THERE = (128'd1 << VARIABLES) - 128'd1;
  genvar i;
  generate
    for (i = 0; i < 6; i = i + 1) begin : fields
      localparam BITS = i < 3 ? 32 : 64, FIRST = i < 3 ? 32 + 32 * i : 128 + 64 * (i - 3);
      wire [BITS-1:0] field = raw[FIRST+:BITS];
      wire [6:0] number = field[BITS-8+:7];
      wire [BITS:0] sum = field[BITS-9:0] + variables[32*number[3:0]+:32];
      wire refers = field[BITS-1] && THERE[number] && !sum[BITS];
      assign resolved[FIRST+:BITS] = refers ? sum[BITS-1:0] : field;
    end
  endgenerate
  assign resolved[31:0] = raw[31:0], resolved[511:320] = raw[511:320];
endmodule

// What is legal of a descriptor, and which memory it may touch. Ends are exclusive. The geometry of a convolution is not
// looked at: its image may be all that follows its first pixel. A vector descriptor's x is A, its y is B.
// A_RECORD, and B_RECORDS for each format of B, are bytes of a record: of 32 elements, or of one element if it is 1.
// With the format of B of the number INTEGER, A is int8, too, and C is not float32.
module tilewright_descriptor #(
    parameter ADDR_BITS = 32, WORD_BYTES = 4, SIZE_BITS = 16, STRIDE_BITS = 24, UNALIGNED = 0,
    parameter [31:0] SIZE_LIMIT = 65535, K_LIMIT = 2048, parameter FLAGS = 8, VERSION = 1,
    parameter [1:0] ROUNDINGS = 3, parameter CONVOLUTION = 0, VECTOR_LANES = 0, RECORD_BYTES = 0,
    parameter SCALED = 0, B_FORMATS = 1, INTEGER = 255, parameter [7:0] A_RECORD = 1, parameter [31:0] B_RECORDS = 1
) (
    input [511:0] raw,
    output [3:0] code,
    output interrupt,
    output [4*ADDR_BITS-1:0] firsts,  // of A, B, parameters, C, from the lowest bits on
    output [4*ADDR_BITS+3:0] ends,
    output [3:0] reads,  // which of these it reads
    output [2*SIZE_BITS+1:0] total  // bytes of C
);
  localparam WIDE = ADDR_BITS + SIZE_BITS + STRIDE_BITS + 3, LOW = $clog2(WORD_BYTES);
  wire [31:0] m = raw[63:32], n = raw[95:64], k = raw[127:96];
  wire [7:0] b_record = B_RECORDS >> 8 * raw[9:8];
  wire floats = SCALED != 0 && raw[15:8] != INTEGER;
  wire vector = VECTOR_LANES != 0 && raw[7:0] == 2;
  wire convolution = CONVOLUTION != 0 && raw[24] && !vector;
  wire requant = raw[16] && !vector, bias = raw[17] && !vector, accumulate = raw[18] && !vector;
  wire used = requant || bias;
  // Of the vector engine: ADD, MULTIPLY, norms, rotations, gates and the weighted softmax have a y.
  wire [7:0] operation = raw[15:8];
  wire rotates = operation == 6 || operation == 7, softmax = operation == 8 || operation == 15;
  wire argmax = operation == 12, quantize = operation == 13, abs_max = operation == 14;
  wire with_y = operation == 1 || operation == 2 || operation >= 4 && operation <= 11 && operation != 8 || operation == 15;
  wire [1:0] x_type = raw[481:480], y_type = raw[483:482];
  wire [3:0] c_type = raw[487:484];
  wire [SIZE_BITS+2:0] y_elements = rotates ? 2 * n : n;
  assign interrupt = raw[22];
  assign reads = {accumulate, used || convolution, !vector || with_y, 1'b1};
  wire columns = vector && quantize;  // n rows of m bytes
  wire one_type = argmax || quantize || abs_max;
  wire records = RECORD_BYTES != 0 && vector && c_type == 3 && !one_type;  // of 32 elements each
  wire [SIZE_BITS+1:0] row_bytes = requant ? n : records ? ((n + 31) >> 5) * RECORD_BYTES :
      columns ? m : vector && (argmax || abs_max) ? 4 : vector && c_type == 1 ? 2 * n : 4 * n;
  wire [31:0] pitch = (4 * n + 63) >> 6 << 6;
  wire [SIZE_BITS-1:0] c_rows = columns ? n : m;
  assign total = c_rows * row_bytes;
  wire [3:0] address_over, stride_over, misaligned, wrapped;
  genvar i;
  generate
    for (i = 0; i < 4; i = i + 1) begin : ranges
      wire [63:0] address = raw[(i==2?320:i==3?256:128+64*i)+:64];
      wire [31:0] stride = i == 2 ? pitch : raw[(i==3?448:384+32*i)+:32];
      wire [SIZE_BITS-1:0] last_row = (i == 2 ? (requant ? 3 : 1) : i == 1 && !vector ? n : i == 3 ? c_rows : m) - 1;
      wire [SIZE_BITS+2:0] operand = i == 0 ? n << (x_type == 1 ? 1 : 2) : y_elements << (y_type == 1 ? 1 : 2);
      wire [7:0] record = i == 0 ? (SCALED != 0 && !floats ? 8'd1 : A_RECORD) : b_record;
      wire [SIZE_BITS+2:0] product = record == 1 ? k : ((k + 31) >> 5) * record;
      wire [SIZE_BITS+2:0] bytes = i == 2 ? 4 * n : i == 3 ? row_bytes : vector ? operand : product;
      wire [31:0] step = i == 2 ? stride : stride[STRIDE_BITS-1:0];
      wire [WIDE-1:0] past = address[ADDR_BITS-1:0] + last_row * step + bytes;
      wire image = convolution && i == 0, geometry = convolution && i == 2;
      assign firsts[ADDR_BITS*i+:ADDR_BITS] = address - (geometry ? 64 : 0);
      assign ends[(ADDR_BITS+1)*i+:ADDR_BITS+1] =
          image ? 1'b1 << ADDR_BITS : geometry && !used ? address[ADDR_BITS-1:0] : past;
      wire counts = i == 2 ? used || convolution : i != 1 || reads[1];
      assign address_over[i] = counts && address >> ADDR_BITS != 0;
      assign stride_over[i] = i != 2 && counts && stride >> STRIDE_BITS != 0;
      assign misaligned[i] = geometry && address[5:0] != 0 ||
          counts && !UNALIGNED && (address[LOW-1:0] != 0 || i != 2 && stride[LOW-1:0] != 0 ||
              i == 1 && vector && rotates && (operand >> 1) % WORD_BYTES != 0);  // where the sines begin
      assign wrapped[i] = !image && counts && (i != 2 || used) && (past - 1'b1) >> ADDR_BITS != 0;
    end
  endgenerate
  wire k_over = k == 0 || k > (vector ? SIZE_LIMIT : K_LIMIT);
  wire unrotatable = n[0] || n > 64 * VECTOR_LANES || operation == 7 && (n & (n - 1)) != 0;
  wire cut = !UNALIGNED && n > 64 * VECTOR_LANES && 2 * VECTOR_LANES * RECORD_BYTES % WORD_BYTES != 0;
  wire sizes = m == 0 || m > SIZE_LIMIT || n == 0 || n > SIZE_LIMIT || (!vector || softmax) && k_over ||
      vector && rotates && unrotatable || records && cut || convolution && raw[383:326] == 0;
  wire twice = raw[23];
  wire rounding = requant && !ROUNDINGS[twice] || twice && !requant;  // one that is not there, or of nothing
  wire flags = raw[31:16] >> FLAGS != 0 || raw[15:8] >= B_FORMATS || raw[511:504] != 0 || accumulate && used ||
      rounding || floats && (accumulate || used);
  wire wrong_type = argmax ? c_type != 2 : quantize ? c_type != 4 || !UNALIGNED : abs_max ? c_type != 0 :
      c_type > 1 && !records;
  wire vector_flags = operation > 15 || (raw[31:16] & ~16'h0258) != 0 || raw[25] && !softmax || raw[20] && !with_y ||
      x_type == 3 || y_type[1] || wrong_type ||
      !softmax && (k != 0 || raw[503:488] != 0) || raw[511:504] != 0;
  assign code = raw[7:0] != VERSION && !vector ? 1 : (vector ? vector_flags : flags) ? 2 : sizes || address_over != 0 || stride_over != 0 ? 3 :
      misaligned != 0 ? 4 : wrapped != 0 ? 7 : 0;
endmodule
