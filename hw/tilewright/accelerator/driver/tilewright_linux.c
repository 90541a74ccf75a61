/* Linux user-space access to a Tilewright accelerator; see tilewright_linux.h. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS, pread */
#endif
#define _FILE_OFFSET_BITS 64

#include "tilewright_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_HUGETLB
#define MAP_HUGETLB 0x40000
#endif
#define PAGEMAP_PRESENT ((uint64_t)1 << 63)
#define PAGEMAP_FRAME (((uint64_t)1 << 55) - 1)

/* Enable the interrupt, which the kernel disables when it comes, and wait for it. */
static void wait_for_interrupt(void *context) {
    struct tilewright_linux *device = (struct tilewright_linux *)context;
    const uint32_t enable = 1;
    uint32_t count;
    struct pollfd ready;
    ready.fd = device->file;
    ready.events = POLLIN;
    ready.revents = 0;
    if (write(device->file, &enable, sizeof enable) != (ssize_t)sizeof enable) return;
    if (poll(&ready, 1, device->wait_ms) != 1) return;
    if (read(device->file, &count, sizeof count) != (ssize_t)sizeof count) return;
}

static int map_file(int file, uint64_t offset, size_t bytes, void **start, size_t *mapped) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *here;
    *mapped = (bytes + page - 1) / page * page;
    here = mmap(NULL, *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)offset);
    if (here == MAP_FAILED) return -1;
    *start = here;
    return 0;
}

/* Close a file, and keep the reason of an earlier failure. */
static int fail(int file) {
    const int reason = errno;
    close(file);
    errno = reason;
    return -1;
}

static int open_registers(struct tilewright_linux *device, const char *path, uint64_t address) {
    const uint64_t within = address % (uint64_t)sysconf(_SC_PAGESIZE);
    memset(device, 0, sizeof *device);
    device->file = open(path, O_RDWR | O_SYNC);
    if (device->file < 0) return -1;
    if (map_file(device->file, address - within, (size_t)within + TILEWRIGHT_REGISTER_BYTES, &device->mapping,
                 &device->bytes))
        return fail(device->file);
    device->wait_ms = 100;
    device->platform.context = device;
    device->platform.registers = (volatile uint32_t *)((unsigned char *)device->mapping + within);
    return 0;
}

int tilewright_linux_open_uio(struct tilewright_linux *device, const char *path) {
    if (open_registers(device, path, 0)) return -1;
    device->platform.wait = wait_for_interrupt;
    return 0;
}

int tilewright_linux_open_mem(struct tilewright_linux *device, const char *path, uint64_t address) {
    return open_registers(device, path, address);
}

void tilewright_linux_close(struct tilewright_linux *device) {
    munmap(device->mapping, device->bytes);
    close(device->file);
}

int tilewright_linux_map(struct tilewright_memory *memory, const char *path, uint64_t offset, uint64_t address,
                         size_t bytes) {
    const int file = open(path, O_RDWR | O_SYNC);
    if (file < 0) return -1;
    if (map_file(file, offset, bytes, &memory->start, &memory->bytes)) return fail(file);
    memory->address = address;
    close(file);
    return 0;
}

int tilewright_linux_hugepage(struct tilewright_memory *memory, size_t bytes) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t entry = 0;
    int file, got;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (start == MAP_FAILED) return -1;
    memory->start = start;
    memory->bytes = bytes;
    memset(start, 0, bytes); /* a page that was never written has no address */
    file = mlock(start, bytes) ? -1 : open("/proc/self/pagemap", O_RDONLY);
    got = file >= 0 && pread(file, &entry, sizeof entry, (off_t)((uintptr_t)start / page * sizeof entry)) ==
                           (ssize_t)sizeof entry;
    if (file >= 0) close(file);
    if (!got || !(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_FRAME)) {
        tilewright_linux_unmap(memory);
        errno = EPERM; /* without CAP_SYS_ADMIN all addresses are 0 */
        return -1;
    }
    memory->address = (entry & PAGEMAP_FRAME) * page;
    return 0;
}

void tilewright_linux_unmap(struct tilewright_memory *memory) { munmap(memory->start, memory->bytes); }
