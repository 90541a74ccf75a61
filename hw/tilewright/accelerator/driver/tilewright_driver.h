/**
 * @file tilewright_driver.h
 * @brief Driver of the Tilewright accelerator: C99, no allocation, no operating system, no C library.
 *
 * @code
 * static uint32_t ring[16 * TILEWRIGHT_DESCRIPTOR_WORDS] __attribute__((aligned(TILEWRIGHT_DESCRIPTOR_BYTES)));
 * static const struct tilewright_platform platform = {.registers = (volatile uint32_t *)0x40000000};
 * static struct tilewright chip;
 *
 * int result = tilewright_init(&chip, &platform, ring, (uintptr_t)ring, 4);
 * struct tilewright_descriptor product;
 * tilewright_prepare(&chip, &product, m, n, k);
 * product.a_address = (uintptr_t)a; ...
 * if (!result) result = tilewright_run(&chip, &product, 1, 0, NULL);
 * @endcode
 *
 * Functions return `TILEWRIGHT_OK` or a negative value of `enum tilewright_result`. One thread at a time may use a
 * `struct tilewright`; an interrupt handler may call `tilewright_acknowledge` alone.
 *
 * Each submitted descriptor has a ticket, which counts from 0, also over resets, and wraps at 2^32.
 */
#ifndef TILEWRIGHT_DRIVER_H
#define TILEWRIGHT_DRIVER_H

#include "tilewright.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Memory written before is visible to the accelerator before the next access to a register. */
#ifndef TILEWRIGHT_BARRIER
#if defined(__riscv)
#define TILEWRIGHT_BARRIER() __asm__ volatile("fence iorw, iorw" ::: "memory")
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
#define TILEWRIGHT_BARRIER() __asm__ volatile("dsb sy" ::: "memory")
#elif defined(__GNUC__)
#define TILEWRIGHT_BARRIER() __sync_synchronize()
#endif
#endif

/** How often STATUS is read until an abort or a reset, for which the bus must finish, counts as stuck. */
#ifndef TILEWRIGHT_STOP_LOOKS
#define TILEWRIGHT_STOP_LOOKS 1000000u
#endif

/** Every result: X(name, value, meaning). */
#define TILEWRIGHT_RESULT_LIST(X)                                                                       \
    X(TILEWRIGHT_OK, 0, "success")                                                                      \
    X(TILEWRIGHT_E_NO_DEVICE, -1, "there is no accelerator at this address")                            \
    X(TILEWRIGHT_E_REGISTER_VERSION, -2, "the accelerator has another version of the registers")        \
    X(TILEWRIGHT_E_DESCRIPTOR_VERSION, -3, "the accelerator has another version of the descriptor")     \
    X(TILEWRIGHT_E_CONFIGURATION, -4, "the accelerator has another configuration than tilewright.h")    \
    X(TILEWRIGHT_E_ARGUMENT, -5, "an argument is invalid")                                              \
    X(TILEWRIGHT_E_FULL, -6, "the ring has too few free entries")                                       \
    X(TILEWRIGHT_E_BUSY, -7, "not complete yet")                                                        \
    X(TILEWRIGHT_E_FAILED, -8, "a descriptor failed, see tilewright_failure")                           \
    X(TILEWRIGHT_E_RESET, -9, "a reset has dropped the descriptor, or tilewright_reset must be called") \
    X(TILEWRIGHT_E_TIMEOUT, -10, "the accelerator makes no progress")                                   \
    X(TILEWRIGHT_E_FORMATS, -11, "the accelerator takes block formats, not int8")

/** What the functions return. */
enum tilewright_result {
/** Makes an enumerator of a row of a list. */
#define TILEWRIGHT_X(name, value, meaning) name = value,
    TILEWRIGHT_RESULT_LIST(TILEWRIGHT_X)
#undef TILEWRIGHT_X
};

/** The value of a field: for example `TILEWRIGHT_GET(TILEWRIGHT_CAP_TILE_ROWS, value)` with the value of CAP_TILE. */
#define TILEWRIGHT_GET(field, value) (((value)&field##_MASK) >> field##_SHIFT)

/**
 * @brief What the machine provides. Members that are not needed are NULL.
 *
 * The structure must outlive the `struct tilewright` that uses it.
 */
struct tilewright_platform {
    /** Given to each of the functions. */
    void *context;
    /** The base of s_axil, as the processor sees it, uncached. May be NULL if `read` and `write` are given. */
    volatile uint32_t *registers;
    /** Read the register at a byte offset; NULL: through `registers`. */
    uint32_t (*read)(void *context, uint32_t offset);
    /** Write the register at a byte offset; NULL: through `registers`. */
    void (*write)(void *context, uint32_t offset, uint32_t value);
    /** Write cached lines of the ring back to memory; NULL: the accelerator sees the processor's caches. */
    void (*clean)(void *context, volatile void *start, size_t bytes);
    /**
     * Wait for `irq`; NULL: the driver polls, and leaves the interrupt disabled. It may return early. It must return
     * now and then if `tilewright_wait` is to notice that a limit of cycles is over.
     */
    void (*wait)(void *context);
};

/** @brief What a descriptor may ask for; other values fail with the code SIZE or ALIGNMENT. */
struct tilewright_limits {
    uint32_t size;         /**< Greatest m and n. */
    uint32_t k;            /**< Greatest k. */
    uint32_t stride;       /**< Greatest stride, in bytes. */
    uint32_t alignment;    /**< Addresses and strides are multiples of so many bytes. */
    uint32_t addr_bits;    /**< Bits of an address. */
    uint32_t vector_lanes; /**< Lanes of the vector engine; 0: descriptors of version 2 fail. */
    uint32_t variables;    /**< To which sizes and addresses can refer: see `tilewright_set_variables`. */
};

/** @brief The driver of one accelerator. Its members are set by the driver alone. */
struct tilewright {
    const struct tilewright_platform *platform; /**< As given to `tilewright_init`. */
    volatile uint32_t *ring;                    /**< The ring, as the processor sees it. */
    uint64_t ring_address;                      /**< The same, as the accelerator sees it. */
    struct tilewright_limits limits;            /**< Of this accelerator. */
    uint32_t next;                              /**< Ticket of the descriptor that is submitted next. */
    uint32_t origin;                            /**< Ticket of the first descriptor since the last reset. */
    uint32_t entries;                           /**< Of the ring. */
    uint32_t ready;                             /**< 0 from the beginning of a reset to its end. */
};

/** @brief Which descriptor failed, and how. */
struct tilewright_failure {
    uint32_t code;    /**< One of `TILEWRIGHT_ERROR_…`; `TILEWRIGHT_ERROR_NONE` if nothing has failed. */
    uint32_t unit;    /**< One of `TILEWRIGHT_UNIT_…`: the transfer that failed, or whose fields are wrong. */
    uint32_t ticket;  /**< Of the descriptor. */
    uint64_t address; /**< Of the burst that failed; of the ring's entry if the descriptor is at fault. */
};

/**
 * @brief Identify the accelerator, end whatever it is doing, and set it up.
 *
 * @param chip Driver to initialize. Its tickets begin with 0.
 * @param platform What the machine provides.
 * @param ring Memory of `64 << ring_log2` bytes for the ring, as the processor sees it.
 * @param ring_address The same, as the accelerator sees it: a multiple of `TILEWRIGHT_DESCRIPTOR_BYTES`.
 * @param ring_log2 Logarithm to base 2 of the number of entries, 0 to 15.
 * @return `TILEWRIGHT_OK`; `TILEWRIGHT_E_NO_DEVICE`, `_REGISTER_VERSION`, `_DESCRIPTOR_VERSION` or `_CONFIGURATION` if
 *         the accelerator is not the one of `tilewright.h`: nothing has been written to it then; `_ARGUMENT`; `_TIMEOUT`.
 *
 * Compiled with `TILEWRIGHT_ANY_CONFIGURATION`, the driver takes every configuration of the same two versions.
 */
int tilewright_init(struct tilewright *chip, const struct tilewright_platform *platform, void *ring,
                    uint64_t ring_address, unsigned ring_log2);

/**
 * @brief Fill a descriptor for an int32 product, C[m, n] = A[m, k] * B[n, k]^T.
 *
 * The strides are the shortest that the alignment allows, those of C for int32. All other fields are 0, except for the
 * version, for the clamp limits -128 and 127, and for `b_format` where int8 is one of several formats. The caller sets the addresses, and whatever else is wanted.
 *
 * @return `TILEWRIGHT_OK`; `TILEWRIGHT_E_FORMATS` if the accelerator takes block formats (CAP_BUS.formats) and not int8
 *         beside them (CAP_FORMATS; the header must be of an accelerator with it). `k` and the strides of A and B are
 *         then 0, and the caller must set them: with `k` = 0 the descriptor fails with SIZE.
 */
int tilewright_prepare(const struct tilewright *chip, struct tilewright_descriptor *product, uint32_t m, uint32_t n,
                       uint32_t k);

/** @brief The number of descriptors that can be submitted now. */
size_t tilewright_free(const struct tilewright *chip);

/**
 * @brief Submit descriptors: all of them or none. Their operands must be in memory, not only in a cache.
 *
 * @param chip The driver.
 * @param products Descriptors; they are copied into the ring. Those of the vector engine are among them as
 *                 `union tilewright_entry`: an array of these is given as `&entries[0].product`.
 * @param count Number of them, at least 1.
 * @param ticket Receives the ticket of the last one; may be NULL.
 * @return `TILEWRIGHT_OK`, `_FULL`, `_ARGUMENT`, or `_RESET` if `tilewright_reset` must be called first.
 *
 * With a platform that waits for interrupts, set `TILEWRIGHT_FLAG_INTERRUPT` in a descriptor that is waited for while
 * others follow it; otherwise the wait ends when all are complete.
 */
int tilewright_submit(struct tilewright *chip, const struct tilewright_descriptor *products, size_t count,
                      uint32_t *ticket);

/**
 * @brief Submit one descriptor through registers, without memory for it.
 *
 * @param chip The driver.
 * @param product The descriptor.
 * @param ticket Receives its ticket; may be NULL.
 * @return `TILEWRIGHT_OK`, `_BUSY` while an earlier descriptor is not complete or has failed, or `_RESET`.
 */
int tilewright_submit_direct(struct tilewright *chip, const struct tilewright_descriptor *product, uint32_t *ticket);

/**
 * @brief Look whether a descriptor is complete, without waiting.
 *
 * @return `TILEWRIGHT_OK`: it is complete, and its C is in memory. `_BUSY`. `_FAILED`: it, or an earlier one, has failed
 *         and waits for `tilewright_resume`. `_RESET`: a reset has dropped it, or it was complete before that.
 *         `_ARGUMENT`: this ticket has not been submitted.
 */
int tilewright_poll(const struct tilewright *chip, uint32_t ticket);

/**
 * @brief Wait until a descriptor is complete.
 *
 * @param chip The driver.
 * @param ticket Of the descriptor.
 * @param cycles The accelerator's clock cycles without a completed descriptor after which to give up; 0 for never.
 * @return As `tilewright_poll`, and `_TIMEOUT` instead of `_BUSY`.
 */
int tilewright_wait(const struct tilewright *chip, uint32_t ticket, uint32_t cycles);

/**
 * @brief Submit descriptors, also more than the ring has entries, and wait until they are complete.
 *
 * @param chip The driver.
 * @param products Descriptors.
 * @param count Number of them.
 * @param cycles As in `tilewright_wait`.
 * @param submitted Receives how many of them were submitted; may be NULL. After a failure and `tilewright_resume`, go
 *                  on with those that follow.
 * @return As `tilewright_wait`.
 */
int tilewright_run(struct tilewright *chip, const struct tilewright_descriptor *products, size_t count,
                   uint32_t cycles, size_t *submitted);

/**
 * @brief Ask which descriptor has failed.
 *
 * @return `TILEWRIGHT_OK` if none has; `TILEWRIGHT_E_FAILED` with `failure` filled; `_RESET`.
 */
int tilewright_failure(const struct tilewright *chip, struct tilewright_failure *failure);

/** @brief After a failure, count the failed descriptor as complete, and go on with the one after it. */
void tilewright_resume(const struct tilewright *chip);

/**
 * @brief End the running descriptors: the oldest that is not complete fails with `TILEWRIGHT_ERROR_ABORTED`.
 *
 * @return `TILEWRIGHT_OK` if all were complete; `_FAILED`: see `tilewright_failure`, then `tilewright_resume` runs those
 *         after it; `_TIMEOUT` if the bus does not finish; `_RESET`.
 */
int tilewright_abort(const struct tilewright *chip);

/**
 * @brief Drop all descriptors and errors, and set the accelerator up again, as after a reset of the hardware.
 *
 * @return `TILEWRIGHT_OK`, or `TILEWRIGHT_E_TIMEOUT` if the bus does not finish: call it again.
 */
int tilewright_reset(struct tilewright *chip);

/**
 * @brief Set variables, from number 0 on. No descriptor that refers to them may be in the ring or in progress; a reset
 *        makes them 0.
 *
 * A size or an address of a descriptor refers to a variable as `TILEWRIGHT_REFER_SIZE(variable, offset)` or
 * `TILEWRIGHT_REFER_ADDRESS(variable, offset)`, and is their sum when the descriptor is decoded. The offset of a size is
 * less than 2^24, that of an address less than 2^56. Fields that can: m, n, k, a_address, b_address, c_address. This function and the next are in tilewright_variables.c.
 *
 * @return `TILEWRIGHT_OK`, or `TILEWRIGHT_E_ARGUMENT` if there are fewer variables.
 */
int tilewright_set_variables(const struct tilewright *chip, const uint32_t *values, size_t count);

/**
 * @brief Submit the first entries of the ring again, with other variables: nothing is copied.
 *
 * They are those that were submitted first after `tilewright_init`, `tilewright_reset` or the last call of this function,
 * in one call or several, none through registers (`tilewright_submit_direct`), and not more than the ring has entries:
 * later ones take the places of the first.
 *
 * @param chip The driver. All descriptors must be complete; it is reset.
 * @param count Number of entries, at most as many as were submitted so.
 * @param values Variables from number 0 on; the others are 0.
 * @param variables Number of them.
 * @param ticket Receives the ticket of the last one; may be NULL.
 * @return `TILEWRIGHT_OK`, `_ARGUMENT`; `_BUSY`, `_FAILED` or `_RESET` as `tilewright_poll`; `_TIMEOUT` as
 *         `tilewright_reset`.
 */
int tilewright_repeat(struct tilewright *chip, size_t count, const uint32_t *values, size_t variables,
                      uint32_t *ticket);

/** @brief For an interrupt handler: lower `irq`, and return the bits of IRQ_STATUS, 0 if it was not raised. */
uint32_t tilewright_acknowledge(const struct tilewright *chip);

/** @brief Read the register at a byte offset, for example `TILEWRIGHT_COUNT_CYCLES`. */
uint32_t tilewright_read(const struct tilewright *chip, uint32_t offset);

/** @brief Write the register at a byte offset. */
void tilewright_write(const struct tilewright *chip, uint32_t offset, uint32_t value);

/** @brief The meaning of a value of `enum tilewright_result`. This and the next two are in tilewright_text.c. */
const char *tilewright_result_text(int result);

/** @brief The name of an error code. */
const char *tilewright_error_name(uint32_t code);

/** @brief The name of a unit. */
const char *tilewright_unit_name(uint32_t unit);

#ifdef __cplusplus
}
#endif

#endif
