// Techmap rules that keep adders whole until they are mapped to the full adders of a library.

// Signed by signed: partial products after Baugh and Wooley, one row of full adders each, the last carry rippling.
// The negative products are inverted; what that adds too much is the constant in the first row.
(* techmap_celltype = "$mul" *)
module tilewright_multiply #(
    parameter A_SIGNED = 0, parameter B_SIGNED = 0, parameter A_WIDTH = 1, parameter B_WIDTH = 1, parameter Y_WIDTH = 1
) (input [A_WIDTH-1:0] A, input [B_WIDTH-1:0] B, output [Y_WIDTH-1:0] Y);
    localparam WIDTH = A_WIDTH + B_WIDTH;
    wire _TECHMAP_FAIL_ = !A_SIGNED || !B_SIGNED || A_WIDTH < 2 || B_WIDTH < 2;
    wire [WIDTH-1:0] one = 1;
    // Row after row, WIDTH bits each.
    wire [(B_WIDTH+1)*WIDTH-1:0] total, carry;
    wire [WIDTH-1:0] product, unused_x, unused_carry;
    assign total[WIDTH-1:0] = (one << (A_WIDTH - 1)) + (one << (B_WIDTH - 1)) + (one << (WIDTH - 1));
    assign carry[WIDTH-1:0] = 0;
    genvar i, j;
    generate
        for (i = 0; i < B_WIDTH; i = i + 1) begin : row
            wire [WIDTH-1:0] partial, carries;
            for (j = 0; j < WIDTH; j = j + 1) begin : column
                if (j < i || j >= i + A_WIDTH) assign partial[j] = 1'b0;
                else if ((i == B_WIDTH - 1) != (j - i == A_WIDTH - 1)) assign partial[j] = ~(A[j-i] & B[i]);
                else assign partial[j] = A[j-i] & B[i];
            end
            \$fa #(.WIDTH(WIDTH)) add (.A(total[i*WIDTH +: WIDTH]), .B(carry[i*WIDTH +: WIDTH]), .C(partial), .X(carries), .Y(total[(i+1)*WIDTH +: WIDTH]));
            assign carry[(i+1)*WIDTH +: WIDTH] = carries << 1;
        end
    endgenerate
    \$alu #(.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(WIDTH), .B_WIDTH(WIDTH), .Y_WIDTH(WIDTH)) last (
        .A(total[B_WIDTH*WIDTH +: WIDTH]), .B(carry[B_WIDTH*WIDTH +: WIDTH]), .CI(1'b0), .BI(1'b0), .X(unused_x), .Y(product), .CO(unused_carry)
    );
    generate
        if (Y_WIDTH <= WIDTH) assign Y = product[Y_WIDTH-1:0];
        else assign Y = {{(Y_WIDTH - WIDTH) {product[WIDTH-1]}}, product};
    endgenerate
endmodule

// A chain of full adders.
(* techmap_celltype = "$alu" *)
module tilewright_add #(
    parameter A_SIGNED = 0, parameter B_SIGNED = 0, parameter A_WIDTH = 1, parameter B_WIDTH = 1, parameter Y_WIDTH = 1
) (
    input [A_WIDTH-1:0] A, input [B_WIDTH-1:0] B, input CI, input BI,
    output [Y_WIDTH-1:0] X, output [Y_WIDTH-1:0] Y, output [Y_WIDTH-1:0] CO
);
    wire [Y_WIDTH-1:0] a, b, c;
    generate  // an operand of no bits is 0
        if (A_WIDTH == 0) assign a = 0;
        else \$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_a (.A(A), .Y(a));
        if (B_WIDTH == 0) assign b = 0;
        else \$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_b (.A(B), .Y(b));
    endgenerate
    assign c = b ^ {Y_WIDTH{BI}};
    wire [Y_WIDTH:0] carry;
    assign carry[0] = CI;
    genvar i;
    generate
        for (i = 0; i < Y_WIDTH; i = i + 1) begin : column
            \$fa #(.WIDTH(1)) add (.A(a[i]), .B(c[i]), .C(carry[i]), .X(carry[i+1]), .Y(Y[i]));
        end
    endgenerate
    assign CO = carry[Y_WIDTH:1];
    assign X = a ^ c;
endmodule

(* techmap_celltype = "$fa" *)
module tilewright_full_adders #(parameter WIDTH = 1) (
    input [WIDTH-1:0] A, input [WIDTH-1:0] B, input [WIDTH-1:0] C, output [WIDTH-1:0] X, output [WIDTH-1:0] Y
);
    wire _TECHMAP_FAIL_ = WIDTH == 1;
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : column
            \$fa #(.WIDTH(1)) add (.A(A[i]), .B(B[i]), .C(C[i]), .X(X[i]), .Y(Y[i]));
        end
    endgenerate
endmodule
