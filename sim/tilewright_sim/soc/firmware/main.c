/* Multiplies matrices and reads digits on the accelerator, checks all results, and prints them. */
#include "board.h"
#include "job.h"

#include <stdio.h>

#define ROW(bytes) (((bytes) + 63) / 64 * 64)
#define PATIENCE 100000000u /* clock cycles after which a product counts as lost */
#define DIGITS_HIDDEN_PITCH (ROW(4 * DIGITS_HIDDEN) / 4)
#define DIGITS_CLASSES_PITCH (ROW(4 * DIGITS_CLASSES) / 4)

static struct tilewright chip;
static int8_t a[JOB_M * ROW(JOB_K)] IN_MAIN_RAM;
static int8_t b[JOB_N * ROW(JOB_K)] IN_MAIN_RAM;
static int32_t c[JOB_M * ROW(4 * JOB_N) / 4] IN_MAIN_RAM;
static uint32_t factors[JOB_N] IN_MAIN_RAM;
static uint32_t folded[JOB_K] IN_MAIN_RAM;

static int failed(const char *what, int result) {
    printf("failed: %s%s%s\n", what, result ? ": " : "", result ? tilewright_result_text(result) : "");
    return 1;
}

/* A generator of numbers without a pattern, xorshift32. */
static uint32_t random_word(void) {
    static uint32_t state = 0x2545f491u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void fill(int8_t *matrix, uint32_t rows, uint32_t columns) {
    uint32_t row, column;
    for (row = 0; row < rows; row++)
        for (column = 0; column < columns; column++) matrix[row * ROW(columns) + column] = (int8_t)(random_word() >> 24);
}

/* Whether C is A * B^T, after Freivalds: C * x is A * (B^T * x) for numbers x without a pattern, modulo 2^32. */
static int is_right(const struct tilewright_descriptor *product) {
    uint32_t row, column, i;
    for (i = 0; i < product->k; i++) folded[i] = 0;
    for (column = 0; column < product->n; column++) {
        const int8_t *const line = b + column * product->b_stride;
        const uint32_t x = random_word();
        factors[column] = x;
        for (i = 0; i < product->k; i++) folded[i] += (uint32_t)line[i] * x;
    }
    for (row = 0; row < product->m; row++) {
        const int8_t *const line = a + row * product->a_stride;
        const int32_t *const result = c + row * product->c_stride / 4;
        uint32_t sum = 0;
        for (i = 0; i < product->k; i++) sum += (uint32_t)line[i] * folded[i];
        for (column = 0; column < product->n; column++) sum -= (uint32_t)result[column] * factors[column];
        if (sum) return 0;
    }
    return 1;
}

/* Run descriptors; return the clock cycles that the processor sees in `cycles`. */
static int run(const struct tilewright_descriptor *products, size_t count, uint32_t *cycles) {
    const uint32_t start = tilewright_read(&chip, TILEWRIGHT_COUNT_CYCLES);
    const int result = tilewright_run(&chip, products, count, PATIENCE, NULL);
    *cycles = tilewright_read(&chip, TILEWRIGHT_COUNT_CYCLES) - start;
    board_invalidate();
    return result;
}

static int multiply(uint32_t m, uint32_t n, uint32_t k) {
    struct tilewright_descriptor product;
    uint32_t cycles, i;
    int result;
    tilewright_prepare(&chip, &product, m, n, k);
    product.a_address = (uintptr_t)a;
    product.b_address = (uintptr_t)b;
    product.c_address = (uintptr_t)c;
    product.a_stride = product.b_stride = ROW(JOB_K);
    product.c_stride = ROW(4 * JOB_N);
    for (i = 0; i < sizeof c / sizeof c[0]; i++) c[i] = 0x55555555;
    result = run(&product, 1, &cycles);
    if (result) return failed("product", result);
    printf("%lux%lux%lu", m, n, k);
    if (!is_right(&product)) return failed(" is wrong", 0);
    printf(": right, %lu cycles as the processor sees it\n", cycles);
    return 0;
}

static int8_t images[DIGITS_IMAGES][DIGITS_PIXELS] IN_MAIN_RAM;
static int8_t first[DIGITS_HIDDEN][DIGITS_PIXELS] IN_MAIN_RAM;
static int8_t second[DIGITS_CLASSES][ROW(DIGITS_HIDDEN)] IN_MAIN_RAM;
static int8_t hidden[DIGITS_IMAGES][ROW(DIGITS_HIDDEN)] IN_MAIN_RAM;
static int32_t logits[DIGITS_IMAGES][DIGITS_CLASSES_PITCH] IN_MAIN_RAM;
static int32_t scales[3][DIGITS_HIDDEN_PITCH] IN_MAIN_RAM;
static int32_t biases[DIGITS_CLASSES_PITCH] IN_MAIN_RAM;

/* The largest of the logits. */
static uint32_t answer(uint32_t image) {
    uint32_t best = 0, digit;
    for (digit = 1; digit < DIGITS_CLASSES; digit++)
        if (logits[image][digit] > logits[image][best]) best = digit;
    return best;
}

/* Operands are read by the accelerator, which may not see the ROM. */
static void load_network(void) {
    uint32_t row, column;
    memcpy(images, digits_images, sizeof images);
    memcpy(first, digits_first, sizeof first);
    for (row = 0; row < DIGITS_CLASSES; row++)
        for (column = 0; column < DIGITS_HIDDEN; column++) second[row][column] = digits_second[row][column];
    for (column = 0; column < DIGITS_HIDDEN; column++) {
        scales[0][column] = digits_first_bias[column];
        scales[1][column] = DIGITS_MULTIPLIER;
        scales[2][column] = DIGITS_SHIFT;
    }
    for (column = 0; column < DIGITS_CLASSES; column++) biases[column] = digits_second_bias[column];
}

static int read_digits(void) {
    struct tilewright_descriptor layers[2];
    uint32_t image, digit, cycles, right = 0;
    int result;
    load_network();
    tilewright_prepare(&chip, &layers[0], DIGITS_IMAGES, DIGITS_HIDDEN, DIGITS_PIXELS);
    layers[0].flags = DIGITS_FLAGS;
    layers[0].a_address = (uintptr_t)images;
    layers[0].b_address = (uintptr_t)first;
    layers[0].c_address = (uintptr_t)hidden;
    layers[0].c_stride = sizeof hidden[0];
    layers[0].parameter_address = (uintptr_t)scales;
    layers[0].minimum = 0;
    tilewright_prepare(&chip, &layers[1], DIGITS_IMAGES, DIGITS_CLASSES, DIGITS_HIDDEN);
    layers[1].flags = TILEWRIGHT_FLAG_BIAS | TILEWRIGHT_FLAG_FENCE_A;
    layers[1].a_address = (uintptr_t)hidden;
    layers[1].b_address = (uintptr_t)second;
    layers[1].c_address = (uintptr_t)logits;
    layers[1].parameter_address = (uintptr_t)biases;
    layers[1].a_stride = layers[1].b_stride = sizeof hidden[0];
    layers[1].c_stride = sizeof logits[0];
    result = run(layers, 2, &cycles);
    if (result) return failed("digits", result);
    printf("digits:");
    for (image = 0; image < DIGITS_IMAGES; image++) {
        printf(" %lu", answer(image));
        if (answer(image) == digits_labels[image])
            right++;
        else
            printf("!");
        for (digit = 0; digit < DIGITS_CLASSES; digit++)
            if (logits[image][digit] != digits_logits[image][digit]) return failed(" differs from the golden model", 0);
    }
    printf("\n%lu of %u digits read right, all outputs as the golden model, in %lu cycles\n", right, DIGITS_IMAGES, cycles);
    return 0;
}

int main(void) {
    int result;
    if (!board_memory()) return failed("the SDRAM does not keep what is written", 0);
    result = board_init(&chip);
    if (result) return failed("initialization", result);
    printf("the driver has found the accelerator\n");
    fill(a, JOB_M, JOB_K);
    fill(b, JOB_N, JOB_K);
    /* A single row, which the memory bounds, and then the whole. */
    if (multiply(1, JOB_N, JOB_K) || multiply(JOB_M, JOB_N, JOB_K) || read_digits()) return 1;
    printf("done\n");
    return 0;
}
