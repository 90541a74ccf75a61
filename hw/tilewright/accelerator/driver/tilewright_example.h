/**
 * @file tilewright_example.h
 * @brief An example that runs on every platform.
 */
#ifndef TILEWRIGHT_EXAMPLE_H
#define TILEWRIGHT_EXAMPLE_H

#include "tilewright_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of memory that the example needs. */
#define TILEWRIGHT_EXAMPLE_BYTES 65536u

/**
 * @brief Multiply matrices on the accelerator, compare each element, and recover from an error.
 *
 * @param platform What the machine provides.
 * @param memory `TILEWRIGHT_EXAMPLE_BYTES` for ring and matrices, as the processor sees them; not cached, or coherent.
 * @param address The same, as the accelerator sees it: a multiple of 4096.
 * @return `TILEWRIGHT_OK`; another result of the driver; or 1 if an element is wrong.
 */
int tilewright_example(const struct tilewright_platform *platform, void *memory, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
