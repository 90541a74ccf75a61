/* The part of printf that the firmware and LiteX's liblitedram use. */
#include "board.h"

#include <stdarg.h>
#include <stdio.h>

static void print(const char *text) {
    while (*text) print_character(*text++);
}

/* Print a number with at least `width` characters; the sign stands before leading zeros and behind leading blanks. */
static void print_number(uint32_t number, uint32_t base, int is_negative, int width, char padding) {
    char text[11]; /* ten digits and the end */
    char *first = text + sizeof text - 1;
    *first = 0;
    do {
        *--first = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    width -= (int)(text + sizeof text - 1 - first) + is_negative;
    if (is_negative && padding == '0') print_character('-');
    while (width-- > 0) print_character(padding);
    if (is_negative && padding == ' ') print_character('-');
    print(first);
}

int printf(const char *format, ...) {
    va_list values;
    va_start(values, format);
    for (; *format; format++) {
        const char *const begin = format;
        char padding = ' ';
        int width = 0;
        int32_t number;
        if (*format != '%') {
            print_character(*format);
            continue;
        }
        if (*++format == '0') padding = '0';
        while (*format >= '0' && *format <= '9') width = 10 * width + *format++ - '0';
        if (*format == 'l') format++; /* an int has the 32 bits of a long */
        switch (*format) {
        case 'd':
            number = va_arg(values, int32_t);
            print_number(number < 0 ? -(uint32_t)number : (uint32_t)number, 10, number < 0, width, padding);
            break;
        case 'u': print_number(va_arg(values, uint32_t), 10, 0, width, padding); break;
        case 'p': print("0x"); /* fall through */
        case 'x': print_number(va_arg(values, uint32_t), 16, 0, width, padding); break;
        case 's': print(va_arg(values, const char *)); break;
        default:
            print_character('%');
            format = begin;
        }
    }
    va_end(values);
    return 0;
}
