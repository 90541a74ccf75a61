/**
 * @file tilewright_linux.h
 * @brief Access to a Tilewright accelerator from a Linux process: registers by UIO or /dev/mem, and memory for it.
 *
 * Functions return 0, or -1 with the reason in `errno`. The process needs access to the devices, which root has.
 */
#ifndef TILEWRIGHT_LINUX_H
#define TILEWRIGHT_LINUX_H

#include "tilewright_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief The registers of an accelerator. Give `platform` to `tilewright_init`. */
struct tilewright_linux {
    struct tilewright_platform platform; /**< Its `context` is this structure, which therefore must not move. */
    void *mapping;                       /**< Of whole pages. */
    size_t bytes;                        /**< Of the mapping. */
    int file;                            /**< The open device. */
    int wait_ms;                         /**< The longest wait for one interrupt, 100 by default. */
};

/** @brief Memory that the process and the accelerator share. */
struct tilewright_memory {
    void *start;      /**< As the process sees it. */
    uint64_t address; /**< As the accelerator sees it. */
    size_t bytes;     /**< A multiple of the page size. */
};

/**
 * @brief Open the registers as a UIO device, with interrupts (driver `uio_pdrv_genirq`).
 *
 * @param device Receives the registers.
 * @param path For example "/dev/uio0". The registers are its map 0.
 */
int tilewright_linux_open_uio(struct tilewright_linux *device, const char *path);

/**
 * @brief Open the registers at a physical address, without interrupts: the driver polls.
 *
 * @param device Receives the registers.
 * @param path "/dev/mem".
 * @param address Of the registers.
 */
int tilewright_linux_open_mem(struct tilewright_linux *device, const char *path, uint64_t address);

/** @brief Close what one of the two opened. */
void tilewright_linux_close(struct tilewright_linux *device);

/**
 * @brief Map memory that is reserved for the accelerator, uncached.
 *
 * @param memory Receives the memory.
 * @param path "/dev/mem" for a region that the device tree reserves; or a DMA buffer such as "/dev/udmabuf0".
 * @param offset In the file: the physical address for "/dev/mem", 0 for a DMA buffer.
 * @param address Of the memory, as the accelerator sees it; for u-dma-buf, its `phys_addr` in /sys/class/u-dma-buf.
 * @param bytes Wanted; rounded up to whole pages.
 */
int tilewright_linux_map(struct tilewright_memory *memory, const char *path, uint64_t offset, uint64_t address,
                         size_t bytes);

/**
 * @brief Allocate one huge page, which is contiguous in physical memory, and find its address.
 *
 * For machines whose accelerator sees the processor's caches and physical addresses, without an IOMMU. Needs huge pages
 * (`/proc/sys/vm/nr_hugepages`) and, to read the address, CAP_SYS_ADMIN.
 *
 * @param memory Receives the memory, which is locked.
 * @param bytes The size of a huge page, for example 2 << 20.
 */
int tilewright_linux_hugepage(struct tilewright_memory *memory, size_t bytes);

/** @brief Unmap memory. */
void tilewright_linux_unmap(struct tilewright_memory *memory);

#ifdef __cplusplus
}
#endif

#endif
