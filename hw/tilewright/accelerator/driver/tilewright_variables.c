/* Variables, and descriptors that run again with other values of them. See tilewright_driver.h. */
#include "tilewright_driver.h"

int tilewright_set_variables(const struct tilewright *chip, const uint32_t *values, size_t count) {
    size_t number;
    if (count > chip->limits.variables) return TILEWRIGHT_E_ARGUMENT;
    for (number = 0; number < count; number++)
        tilewright_write(chip, TILEWRIGHT_VARIABLES_OFFSET + 4 * (uint32_t)number, values[number]);
    return TILEWRIGHT_OK;
}

int tilewright_repeat(struct tilewright *chip, size_t count, const uint32_t *values, size_t variables,
                      uint32_t *ticket) {
    int result = TILEWRIGHT_OK;
    if (!count || count > chip->entries || variables > chip->limits.variables) return TILEWRIGHT_E_ARGUMENT;
    if (chip->next != chip->origin) result = tilewright_poll(chip, chip->next - 1);
    if (result) return result;
    result = tilewright_reset(chip); /* the next descriptor is entry 0 of the ring */
    if (result) return result;
    tilewright_set_variables(chip, values, variables);
    chip->next += (uint32_t)count;
    if (ticket) *ticket = chip->next - 1;
    TILEWRIGHT_BARRIER();
    tilewright_write(chip, TILEWRIGHT_TAIL, (uint32_t)count);
    return TILEWRIGHT_OK;
}
