/* Driver of the Tilewright accelerator; see tilewright_driver.h. */
#include "tilewright_driver.h"

#ifndef TILEWRIGHT_BARRIER
#error "define TILEWRIGHT_BARRIER() for this compiler"
#endif

#define INTERRUPTS \
    (TILEWRIGHT_IRQ_STATUS_DONE_MASK | TILEWRIGHT_IRQ_STATUS_ERROR_MASK | TILEWRIGHT_IRQ_STATUS_EMPTY_MASK)
#define INDEX_MASK ((1u << TILEWRIGHT_INDEX_BITS) - 1)

uint32_t tilewright_read(const struct tilewright *chip, uint32_t offset) {
    const struct tilewright_platform *platform = chip->platform;
    return platform->read ? platform->read(platform->context, offset) : platform->registers[offset / 4];
}

void tilewright_write(const struct tilewright *chip, uint32_t offset, uint32_t value) {
    const struct tilewright_platform *platform = chip->platform;
    if (platform->write)
        platform->write(platform->context, offset, value);
    else
        platform->registers[offset / 4] = value;
}

/* Compare the accelerator with tilewright.h. */
static int identify(const struct tilewright *chip) {
    uint32_t version;
    if (tilewright_read(chip, TILEWRIGHT_ID) != TILEWRIGHT_ID_VALUE) return TILEWRIGHT_E_NO_DEVICE;
    version = tilewright_read(chip, TILEWRIGHT_VERSION) ^ TILEWRIGHT_VERSION_VALUE;
    if (version & TILEWRIGHT_VERSION_REGISTERS_MASK) return TILEWRIGHT_E_REGISTER_VERSION;
    if (version & TILEWRIGHT_VERSION_DESCRIPTOR_MASK) return TILEWRIGHT_E_DESCRIPTOR_VERSION;
#ifndef TILEWRIGHT_ANY_CONFIGURATION
    {
#define TILEWRIGHT_X(name) {name, name##_VALUE},
        static const struct {
            uint32_t offset, value;
        } expected[] = {TILEWRIGHT_CONSTANT_LIST(TILEWRIGHT_X)};
#undef TILEWRIGHT_X
        size_t n;
        for (n = 0; n < sizeof expected / sizeof expected[0]; n++)
            if (tilewright_read(chip, expected[n].offset) != expected[n].value) return TILEWRIGHT_E_CONFIGURATION;
    }
#endif
    return TILEWRIGHT_OK;
}

static void read_limits(struct tilewright *chip) {
    const uint32_t bus = tilewright_read(chip, TILEWRIGHT_CAP_BUS);
    const uint32_t buffers = tilewright_read(chip, TILEWRIGHT_CAP_BUFFERS);
    const uint32_t size_less = TILEWRIGHT_GET(TILEWRIGHT_CAP_BUFFERS_SIZE_BITS_LESS, buffers);
    const uint32_t stride_less = TILEWRIGHT_GET(TILEWRIGHT_CAP_BUFFERS_STRIDE_BITS_LESS, buffers);
    chip->limits.size = (1u << (TILEWRIGHT_SIZE_BITS_MAX - size_less)) - 1;
    chip->limits.k = tilewright_read(chip, TILEWRIGHT_K_LIMIT);
    chip->limits.stride = (1u << (TILEWRIGHT_STRIDE_BITS_MAX - stride_less)) - 1;
    chip->limits.alignment = TILEWRIGHT_GET(TILEWRIGHT_CAP_BUS_DATA_BYTES, bus);
    if (bus & TILEWRIGHT_CAP_BUS_UNALIGNED_MASK) chip->limits.alignment = 1;
    chip->limits.addr_bits = TILEWRIGHT_GET(TILEWRIGHT_CAP_BUS_ADDR_BITS, bus);
    chip->limits.vector_lanes = 0;
#ifdef TILEWRIGHT_CAP_VECTOR /* not known to the header of an accelerator without it */
    if (bus & TILEWRIGHT_CAP_BUS_VECTOR_MASK) {
        const uint32_t vector = tilewright_read(chip, TILEWRIGHT_CAP_VECTOR);
        chip->limits.vector_lanes = TILEWRIGHT_GET(TILEWRIGHT_CAP_VECTOR_LANES, vector);
    }
#endif
    chip->limits.variables = 0;
#ifdef TILEWRIGHT_CAP_VARIABLES
    if (buffers & TILEWRIGHT_CAP_BUFFERS_VARIABLES_MASK) {
        const uint32_t variables = tilewright_read(chip, TILEWRIGHT_CAP_VARIABLES);
        chip->limits.variables = TILEWRIGHT_GET(TILEWRIGHT_CAP_VARIABLES_COUNT, variables);
    }
#endif
}

int tilewright_init(struct tilewright *chip, const struct tilewright_platform *platform, void *ring,
                    uint64_t ring_address, unsigned ring_log2) {
    uint64_t last;
    uint32_t bits, above;
    int result;
    chip->platform = platform;
    chip->ring = (volatile uint32_t *)ring;
    chip->ring_address = ring_address;
    chip->next = chip->origin = 0;
    chip->ready = 0;
    if (!ring || ring_address % TILEWRIGHT_DESCRIPTOR_BYTES || ring_log2 >= TILEWRIGHT_INDEX_BITS)
        return TILEWRIGHT_E_ARGUMENT;
    if (!platform->registers && !(platform->read && platform->write)) return TILEWRIGHT_E_ARGUMENT;
    result = identify(chip);
    if (result) return result;
    read_limits(chip);
    chip->entries = 1u << ring_log2;
    last = ring_address + chip->entries * TILEWRIGHT_DESCRIPTOR_BYTES - 1;
    /* In 32 bits, whose shifts need no library. */
    bits = chip->limits.addr_bits;
    above = (uint32_t)(last >> 32);
    if (bits < 32)
        above |= (uint32_t)last >> bits;
    else
        above = bits < 64 ? above >> (bits - 32) : 0;
    if (last < ring_address || above) return TILEWRIGHT_E_ARGUMENT;
    return tilewright_reset(chip);
}

/* Word `number` of a descriptor, which may have any alignment. */
static uint32_t word_of(const struct tilewright_descriptor *product, unsigned number) {
    const unsigned char *byte = (const unsigned char *)product + 4 * number;
    return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

static uint32_t aligned(const struct tilewright *chip, uint32_t bytes) {
    const uint32_t mask = chip->limits.alignment - 1; /* a power of two */
    return (bytes + mask) & ~mask;
}

/* The number of the format of B that is int8 with A int8, too; -1 if there is none. */
static int format_of_int8(const struct tilewright *chip) {
    if (!(tilewright_read(chip, TILEWRIGHT_CAP_BUS) & TILEWRIGHT_CAP_BUS_FORMATS_MASK)) return 0;
#ifdef TILEWRIGHT_CAP_FORMATS /* not known to the header of an accelerator without block formats */
    {
        const uint32_t formats = tilewright_read(chip, TILEWRIGHT_CAP_FORMATS);
        const uint32_t count = TILEWRIGHT_GET(TILEWRIGHT_CAP_FORMATS_B_COUNT, formats);
        uint32_t of[] = {TILEWRIGHT_GET(TILEWRIGHT_CAP_FORMATS_B_FORMAT_0, formats),
                         TILEWRIGHT_GET(TILEWRIGHT_CAP_FORMATS_B_FORMAT_1, formats),
                         TILEWRIGHT_GET(TILEWRIGHT_CAP_FORMATS_B_FORMAT_2, formats),
                         TILEWRIGHT_GET(TILEWRIGHT_CAP_FORMATS_B_FORMAT_3, formats)};
        unsigned number;
        for (number = 0; count > 1 && number < count; number++) /* alone it goes with the blocks of A */
            if (!of[number]) return (int)number;
    }
#endif
    return -1;
}

int tilewright_prepare(const struct tilewright *chip, struct tilewright_descriptor *product, uint32_t m, uint32_t n,
                       uint32_t k) {
    unsigned char *byte = (unsigned char *)product;
    size_t left = sizeof *product;
    const int format = format_of_int8(chip);
    while (left--) byte[left] = 0;
    product->version = TILEWRIGHT_DESCRIPTOR_VERSION;
    product->m = m;
    product->n = n;
    product->c_stride = aligned(chip, 4 * n);
    product->minimum = -128;
    product->maximum = 127;
    if (format < 0) return TILEWRIGHT_E_FORMATS;
    product->b_format = (uint8_t)format;
    product->k = k;
    product->a_stride = aligned(chip, k);
    product->b_stride = aligned(chip, k);
    return TILEWRIGHT_OK;
}

/* Whether the accelerator is as `tilewright_reset` left it: a reset of the hardware clears this bit. Read after HEAD, it
 * says that HEAD counts from `origin`. */
static int enabled(const struct tilewright *chip) {
    return chip->ready && (tilewright_read(chip, TILEWRIGHT_CONTROL) & TILEWRIGHT_CONTROL_ENABLE_MASK);
}

/* The number of descriptors that are submitted and not complete. */
static uint32_t incomplete(const struct tilewright *chip) {
    return (chip->next - chip->origin - tilewright_read(chip, TILEWRIGHT_HEAD)) & INDEX_MASK;
}

size_t tilewright_free(const struct tilewright *chip) {
    const uint32_t used = incomplete(chip);
    return enabled(chip) && used <= chip->entries ? chip->entries - used : 0;
}

static int submit(struct tilewright *chip, const struct tilewright_descriptor *products, size_t count,
                  size_t interrupts, uint32_t *ticket) {
    const uint32_t used = incomplete(chip);
    size_t n;
    unsigned word;
    if (!enabled(chip)) return TILEWRIGHT_E_RESET;
    if (!count) return TILEWRIGHT_E_ARGUMENT;
    if (count > chip->entries - used) return TILEWRIGHT_E_FULL;
    for (n = 0; n < count; n++) {
        const uint32_t place = (chip->next - chip->origin + (uint32_t)n) & (chip->entries - 1);
        volatile uint32_t *entry = chip->ring + place * TILEWRIGHT_DESCRIPTOR_WORDS;
        for (word = 0; word < TILEWRIGHT_DESCRIPTOR_WORDS; word++) {
            uint32_t value = word_of(products + n, word);
            if (n == interrupts && word == offsetof(struct tilewright_descriptor, flags) / 4)
                value |= TILEWRIGHT_FLAG_INTERRUPT << offsetof(struct tilewright_descriptor, flags) % 4 * 8;
            entry[word] = value;
        }
        if (chip->platform->clean) chip->platform->clean(chip->platform->context, entry, TILEWRIGHT_DESCRIPTOR_BYTES);
    }
    chip->next += (uint32_t)count;
    if (ticket) *ticket = chip->next - 1;
    TILEWRIGHT_BARRIER();
    tilewright_write(chip, TILEWRIGHT_TAIL, (chip->next - chip->origin) & INDEX_MASK);
    return TILEWRIGHT_OK;
}

int tilewright_submit(struct tilewright *chip, const struct tilewright_descriptor *products, size_t count,
                      uint32_t *ticket) {
    return submit(chip, products, count, count, ticket);
}

int tilewright_submit_direct(struct tilewright *chip, const struct tilewright_descriptor *product, uint32_t *ticket) {
    const uint32_t status = tilewright_read(chip, TILEWRIGHT_STATUS);
    unsigned word;
    if (!enabled(chip)) return TILEWRIGHT_E_RESET;
    if (!(status & TILEWRIGHT_STATUS_DIRECT_READY_MASK)) return TILEWRIGHT_E_BUSY;
    TILEWRIGHT_BARRIER();
    /* Word 0 goes first, and the last one submits. */
    for (word = 0; word < TILEWRIGHT_DESCRIPTOR_WORDS; word++)
        tilewright_write(chip, TILEWRIGHT_DESCRIPTOR_0 + 4 * word, word_of(product, word));
    if (ticket) *ticket = chip->next;
    chip->next++;
    return TILEWRIGHT_OK;
}

/* As `tilewright_poll`; `left` is how many are not complete. */
static int look(const struct tilewright *chip, uint32_t ticket, uint32_t *left) {
    uint32_t status;
    /* Tickets are compared as indices are, modulo their range. */
    if ((int32_t)(ticket - chip->next) >= 0) return TILEWRIGHT_E_ARGUMENT;
    if ((int32_t)(ticket - chip->origin) < 0) return TILEWRIGHT_E_RESET;
    status = tilewright_read(chip, TILEWRIGHT_STATUS);
    *left = incomplete(chip);
    if (!enabled(chip)) return TILEWRIGHT_E_RESET;
    if ((int32_t)(ticket - (chip->next - *left)) < 0) {
        TILEWRIGHT_BARRIER();
        return TILEWRIGHT_OK;
    }
    return status & TILEWRIGHT_STATUS_FAILED_MASK ? TILEWRIGHT_E_FAILED : TILEWRIGHT_E_BUSY;
}

int tilewright_poll(const struct tilewright *chip, uint32_t ticket) {
    uint32_t left;
    return look(chip, ticket, &left);
}

int tilewright_wait(const struct tilewright *chip, uint32_t ticket, uint32_t cycles) {
    const struct tilewright_platform *platform = chip->platform;
    uint32_t start = tilewright_read(chip, TILEWRIGHT_COUNT_CYCLES);
    uint32_t before = 0;
    for (;;) {
        uint32_t left, now;
        int result;
        /* What happens after this raises the interrupt again; what happened before it is seen below. */
        if (platform->wait) tilewright_write(chip, TILEWRIGHT_IRQ_STATUS, INTERRUPTS);
        /* Before the look: a reset sets it to 0, which the look then notices. */
        now = tilewright_read(chip, TILEWRIGHT_COUNT_CYCLES);
        result = look(chip, ticket, &left);
        if (result != TILEWRIGHT_E_BUSY) return result;
        if (left != before) start = now;
        before = left;
        if (cycles && now - start >= cycles) return TILEWRIGHT_E_TIMEOUT;
        if (platform->wait) platform->wait(platform->context);
    }
}

int tilewright_run(struct tilewright *chip, const struct tilewright_descriptor *products, size_t count,
                   uint32_t cycles, size_t *submitted) {
    size_t sent = 0;
    int result = TILEWRIGHT_OK;
    if (submitted) *submitted = 0;
    while (!result && sent < count) {
        const size_t room = tilewright_free(chip);
        const size_t batch = room < count - sent ? room : count - sent;
        /* Where more follow, the ring is filled again when half of it is free. */
        const int more = batch < count - sent;
        const uint32_t first = chip->next;
        uint32_t awaited = first - chip->entries + chip->entries / 2;
        if (batch) {
            awaited = first + (uint32_t)(more ? batch / 2 : batch - 1);
            result = submit(chip, products + sent, batch, more ? batch / 2 : batch, NULL);
            if (result) break;
            sent += batch;
            if (submitted) *submitted = sent;
        } else if (!enabled(chip)) {
            return TILEWRIGHT_E_RESET;
        }
        result = tilewright_wait(chip, awaited, cycles);
    }
    return result;
}

int tilewright_failure(const struct tilewright *chip, struct tilewright_failure *failure) {
    const uint32_t status = tilewright_read(chip, TILEWRIGHT_STATUS);
    const uint32_t error = tilewright_read(chip, TILEWRIGHT_ERROR);
    failure->ticket = chip->next - incomplete(chip);
    failure->code = TILEWRIGHT_GET(TILEWRIGHT_ERROR_CODE, error);
    failure->unit = TILEWRIGHT_GET(TILEWRIGHT_ERROR_UNIT, error);
    failure->address = tilewright_read(chip, TILEWRIGHT_ERROR_ADDRESS_LO);
    failure->address |= (uint64_t)tilewright_read(chip, TILEWRIGHT_ERROR_ADDRESS_HI) << 32;
    if (!enabled(chip)) return TILEWRIGHT_E_RESET;
    return status & TILEWRIGHT_STATUS_FAILED_MASK ? TILEWRIGHT_E_FAILED : TILEWRIGHT_OK;
}

void tilewright_resume(const struct tilewright *chip) {
    tilewright_write(chip, TILEWRIGHT_COMMAND, TILEWRIGHT_COMMAND_RESUME_MASK);
}

/* Give a command that ends all transfers, and wait for the bus; return STATUS in `status`. */
static int stop(const struct tilewright *chip, uint32_t command, uint32_t *status) {
    uint32_t looks;
    tilewright_write(chip, TILEWRIGHT_COMMAND, command);
    for (looks = 0; looks < TILEWRIGHT_STOP_LOOKS; looks++) {
        *status = tilewright_read(chip, TILEWRIGHT_STATUS);
        if (!(*status & TILEWRIGHT_STATUS_STOPPING_MASK)) return TILEWRIGHT_OK;
    }
    return TILEWRIGHT_E_TIMEOUT;
}

int tilewright_abort(const struct tilewright *chip) {
    uint32_t status;
    const int result = stop(chip, TILEWRIGHT_COMMAND_ABORT_MASK, &status);
    if (!enabled(chip)) return TILEWRIGHT_E_RESET;
    if (result) return result;
    return status & TILEWRIGHT_STATUS_FAILED_MASK ? TILEWRIGHT_E_FAILED : TILEWRIGHT_OK;
}

int tilewright_reset(struct tilewright *chip) {
    uint32_t status, log2 = 0;
    int result;
    chip->ready = 0;
    chip->origin = chip->next;
    result = stop(chip, TILEWRIGHT_COMMAND_SOFT_RESET_MASK, &status);
    if (result) return result;
    while (1u << log2 < chip->entries) log2++;
    tilewright_write(chip, TILEWRIGHT_RING_BASE_LO, (uint32_t)chip->ring_address);
    tilewright_write(chip, TILEWRIGHT_RING_BASE_HI, (uint32_t)(chip->ring_address >> 32));
    tilewright_write(chip, TILEWRIGHT_RING_LOG2, log2);
    tilewright_write(chip, TILEWRIGHT_IRQ_ENABLE, chip->platform->wait ? INTERRUPTS : 0);
    tilewright_write(chip, TILEWRIGHT_CONTROL, TILEWRIGHT_CONTROL_ENABLE_MASK);
    chip->ready = 1;
    return TILEWRIGHT_OK;
}

uint32_t tilewright_acknowledge(const struct tilewright *chip) {
    const uint32_t status = tilewright_read(chip, TILEWRIGHT_IRQ_STATUS);
    tilewright_write(chip, TILEWRIGHT_IRQ_STATUS, status);
    return status;
}
