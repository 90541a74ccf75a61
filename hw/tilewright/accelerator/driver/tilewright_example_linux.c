/* The example on Linux:
 *
 *     cc -std=c99 -O2 tilewright_*.c -o example
 *     ./example UIO BUFFER ADDRESS     for example: ./example /dev/uio0 /dev/udmabuf0 0x3e000000
 *
 * BUFFER is a device with memory for the accelerator, ADDRESS where the accelerator sees it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tilewright_example.h"
#include "tilewright_linux.h"

int main(int count, char **arguments) {
    struct tilewright_linux device;
    struct tilewright_memory memory;
    int result;
    if (count != 4) {
        fprintf(stderr, "usage: %s UIO BUFFER ADDRESS\n", arguments[0]);
        return 2;
    }
    if (tilewright_linux_open_uio(&device, arguments[1])) {
        fprintf(stderr, "%s: %s\n", arguments[1], strerror(errno));
        return 2;
    }
    if (tilewright_linux_map(&memory, arguments[2], 0, strtoull(arguments[3], NULL, 0), TILEWRIGHT_EXAMPLE_BYTES)) {
        fprintf(stderr, "%s: %s\n", arguments[2], strerror(errno));
        tilewright_linux_close(&device);
        return 2;
    }
    result = tilewright_example(&device.platform, memory.start, memory.address);
    printf("%s\n", result == 1 ? "an element of C is wrong" : tilewright_result_text(result));
    tilewright_linux_unmap(&memory);
    tilewright_linux_close(&device);
    return result != TILEWRIGHT_OK;
}
