/* Names and meanings of numbers, for messages; without them the driver is smaller. See tilewright_driver.h. */
#include "tilewright_driver.h"

const char *tilewright_result_text(int result) {
    switch (result) {
#define TILEWRIGHT_X(name, value, meaning) \
    case name: return meaning;
        TILEWRIGHT_RESULT_LIST(TILEWRIGHT_X)
#undef TILEWRIGHT_X
    default: return "unknown result";
    }
}

const char *tilewright_error_name(uint32_t code) {
    switch (code) {
#define TILEWRIGHT_X(name, meaning) \
    case TILEWRIGHT_ERROR_##name: return #name;
        TILEWRIGHT_ERROR_LIST(TILEWRIGHT_X)
#undef TILEWRIGHT_X
    default: return "unknown error";
    }
}

const char *tilewright_unit_name(uint32_t unit) {
    switch (unit) {
#define TILEWRIGHT_X(name) \
    case TILEWRIGHT_UNIT_##name: return #name;
        TILEWRIGHT_UNIT_LIST(TILEWRIGHT_X)
#undef TILEWRIGHT_X
    default: return "unknown unit";
    }
}
