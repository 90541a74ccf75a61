/* A LiteX SoC with VexRiscv, a UART, LiteDRAM if it has SDRAM, and the accelerator as the module `tilewright`. */
#include "board.h"

#include <generated/csr.h>
#include <generated/mem.h>
#include <generated/soc.h>
#include <irq.h>
#ifdef CSR_SDRAM_BASE
#include <generated/sdram_phy.h>
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

/* LiteX's headers leave this to the firmware. */
void busy_wait_us(unsigned int us) {
    uint32_t loops = us * (CONFIG_CLOCK_FREQUENCY / 1000000);
    while (loops--) __asm__ volatile("nop");
}

static void put(char c) {
    while (uart_txfull_read()) continue;
    uart_rxtx_write((uint8_t)c);
}

void print(const char *text) {
    while (*text) put(*text++);
}

void print_number(uint32_t number) {
    if (number >= 10) print_number(number / 10);
    put((char)('0' + number % 10));
}

void print_hex(uint32_t number) {
    int shift;
    for (shift = 28; shift >= 0; shift -= 4) put("0123456789abcdef"[number >> shift & 15]);
}

void board_invalidate(void) { flush_cpu_dcache(); }

/* Called by start.S. */
void trap(uint32_t cause, uint32_t address) {
    if (cause >> 31) {
        tilewright_acknowledge(handled);
        raised = 1;
        return;
    }
    print("failed: exception ");
    print_number(cause);
    print(" at 0x");
    print_hex(address);
    print("\n");
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

int board_init(struct tilewright *chip) {
#ifdef CSR_SDRAM_BASE
    sdram_dfii_control_write(DFII_CONTROL_CKE | DFII_CONTROL_ODT | DFII_CONTROL_RESET_N);
    init_sequence();
    sdram_dfii_control_write(DFII_CONTROL_SEL);
#endif
    handled = chip;
    irq_setmask(1u << TILEWRIGHT_INTERRUPT);
    csrs(mie, EXTERNAL_INTERRUPTS);
    irq_setie(1);
    return tilewright_init(chip, &platform, ring, (uintptr_t)ring, RING_LOG2);
}
