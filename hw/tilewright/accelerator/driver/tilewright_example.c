/* An example that runs on every platform; see tilewright_example.h. */
#include "tilewright_example.h"

#define M 13
#define N 10
#define K 32
#define RING_LOG2 2
#define A_OFFSET 0x1000u
#define B_OFFSET 0x4000u
#define C_OFFSET 0x8000u
/* Clock cycles after which one of these products counts as lost. */
#define PATIENCE 1000000u

/* Whether C is right: every element, computed again by this processor. */
static int is_right(const struct tilewright_descriptor *product, const int8_t *a, const int8_t *b, const int32_t *c) {
    uint32_t row, column, i;
    for (row = 0; row < M; row++) {
        for (column = 0; column < N; column++) {
            int32_t sum = 0;
            for (i = 0; i < K; i++) sum += a[row * product->a_stride + i] * b[column * product->b_stride + i];
            if (c[row * product->c_stride / 4 + column] != sum) return 0;
        }
    }
    return 1;
}

int tilewright_example(const struct tilewright_platform *platform, void *memory, uint64_t address) {
    unsigned char *const bytes = (unsigned char *)memory;
    int8_t *const a = (int8_t *)(bytes + A_OFFSET);
    int8_t *const b = (int8_t *)(bytes + B_OFFSET);
    int32_t *const c = (int32_t *)(void *)(bytes + C_OFFSET);
    struct tilewright chip;
    struct tilewright_descriptor product, wrong;
    struct tilewright_failure failure;
    uint32_t ticket, n;
    int result = tilewright_init(&chip, platform, memory, address, RING_LOG2);
    if (result) return result;

    for (n = 0; n < B_OFFSET - A_OFFSET; n++) a[n] = (int8_t)((int)(n * 37 % 256) - 128);
    for (n = 0; n < C_OFFSET - B_OFFSET; n++) b[n] = (int8_t)((int)(n * 91 % 256) - 128);
    result = tilewright_prepare(&chip, &product, M, N, K);
    if (result) return result;
    product.a_address = address + A_OFFSET;
    product.b_address = address + B_OFFSET;
    product.c_address = address + C_OFFSET;
    result = tilewright_run(&chip, &product, 1, PATIENCE, NULL);
    if (result) return result;
    if (!is_right(&product, a, b, c)) return 1;

    /* A product without rows fails; the one after it is right all the same. */
    wrong = product;
    wrong.m = 0;
    result = tilewright_submit(&chip, &wrong, 1, &ticket);
    if (!result) result = tilewright_wait(&chip, ticket, PATIENCE);
    if (result != TILEWRIGHT_E_FAILED) return result ? result : 1;
    if (tilewright_failure(&chip, &failure) != TILEWRIGHT_E_FAILED || failure.ticket != ticket) return 1;
    if (failure.code != TILEWRIGHT_ERROR_SIZE) return 1;
    for (n = 0; n < C_OFFSET - B_OFFSET; n++) b[n] = (int8_t)-b[n];
    tilewright_resume(&chip);
    result = tilewright_run(&chip, &product, 1, PATIENCE, NULL);
    if (result) return result;
    return is_right(&product, a, b, c) ? TILEWRIGHT_OK : 1;
}
