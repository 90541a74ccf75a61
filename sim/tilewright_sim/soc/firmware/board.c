/* A LiteX SoC with VexRiscv, a UART, LiteDRAM if it has SDRAM, and the accelerator as the module `tilewright`. */
#include "board.h"

#include <generated/csr.h>
#include <generated/mem.h>
#include <generated/soc.h>
#include <irq.h>
#include <stdio.h>
#ifdef CSR_SDRAM_BASE
#include <liblitedram/sdram.h>
#endif

#define RING_LOG2 2
#define EXTERNAL_INTERRUPTS (1u << 11)

static uint32_t ring[TILEWRIGHT_DESCRIPTOR_WORDS << RING_LOG2] IN_MAIN_RAM;
static struct tilewright *handled;
static volatile int raised;

/* GCC calls these for assignments of structures. */
void *memcpy(void *to, const void *from, size_t bytes) {
    size_t n;
    for (n = 0; n < bytes; n++) ((char *)to)[n] = ((const char *)from)[n];
    return to;
}

void *memset(void *start, int value, size_t bytes) {
    size_t n;
    for (n = 0; n < bytes; n++) ((char *)start)[n] = (char)value;
    return start;
}

/* LiteX's headers leave these to the firmware. The SoC has no L2 cache. */
void flush_l2_cache(void) {}

void busy_wait_us(unsigned int us) {
    uint32_t loops = us * (CONFIG_CLOCK_FREQUENCY / 1000000);
    while (loops--) __asm__ volatile("nop");
}

void print_character(char c) {
    while (uart_txfull_read()) continue;
    uart_rxtx_write((uint8_t)c);
}

void board_invalidate(void) { flush_cpu_dcache(); }

/* Called by start.S. */
void trap(uint32_t cause, uint32_t address) {
    if (cause >> 31) {
        tilewright_acknowledge(handled);
        raised = 1;
        return;
    }
    printf("failed: exception %lu at 0x%08lx\n", cause, address);
    for (;;) continue;
}

static void wait_for_interrupt(void *context) {
    (void)context;
    irq_setie(0); /* or the interrupt could come between the question and wfi */
    if (!raised) __asm__ volatile("wfi");
    irq_setie(1);
    raised = 0;
}

static const struct tilewright_platform platform = {
    .registers = (volatile uint32_t *)TILEWRIGHT_BASE,
    .wait = wait_for_interrupt,
};

int board_memory(void) {
#ifdef CSR_SDRAM_BASE
    return sdram_init();
#else
    return 1;
#endif
}

int board_init(struct tilewright *chip) {
    handled = chip;
    irq_setmask(1u << TILEWRIGHT_INTERRUPT);
    csrs(mie, EXTERNAL_INTERRUPTS);
    irq_setie(1);
    return tilewright_init(chip, &platform, ring, (uintptr_t)ring, RING_LOG2);
}
