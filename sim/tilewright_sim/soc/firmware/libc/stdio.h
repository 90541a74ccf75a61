/* The part of a C library's <stdio.h> that the firmware and LiteX's liblitedram use. */
#ifndef STDIO_H
#define STDIO_H

#include <stddef.h>

/* Prints %d, %u, %x, %p and %s, with a width, leading zeros and `l`; anything else as it stands. */
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
