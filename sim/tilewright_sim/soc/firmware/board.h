/* What firmware needs of a LiteX SoC: its UART, its SDRAM, its interrupts, and the accelerator. */
#ifndef BOARD_H
#define BOARD_H

#include "tilewright_driver.h"

#include <stddef.h>

/* Place a variable in the main memory, which holds anything at first. */
#define IN_MAIN_RAM __attribute__((section(".main_ram"), aligned(64)))

/* Ready the SDRAM by LiteX's liblitedram: initialize it, level DDR3, and test the first bytes; return 1 if it works. */
int board_memory(void);

/* Ready the interrupts and the accelerator; return what tilewright_init does. */
int board_init(struct tilewright *chip);

/* Let the processor see what the accelerator has written. */
void board_invalidate(void);

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *start, int value, size_t bytes);

/* Wait until the UART takes a character. */
void print_character(char c);

#endif
