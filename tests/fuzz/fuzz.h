/* What the fuzz targets share: reading choices from an input, and failing.
 *
 * Model:   An input is a program: each byte that is taken decides something, and where it ends the program ends. What
 *          is taken past the end is 0. So every input means something, a shorter one is a simpler program, and the
 *          same input does the same each time.
 * Errors:  A claim that does not hold is printed and ends the process by SIGABRT, which libFuzzer and replay.c both
 *          report together with the input. */
#ifndef PAWL_TESTS_FUZZ_H
#define PAWL_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls: once before all inputs, and once an input. 0: keep the input if it reached something new; -1:
 * never keep it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_CHECK(claim) ((claim) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #claim))
_Noreturn void fuzz_fail(const char *file, int line, const char *claim);

struct input {
    const uint8_t *next, *end;
};

static inline struct input input_of(const uint8_t *bytes, size_t size)
{
    return (struct input){bytes, bytes + size};
}

static inline bool input_is_left(const struct input *input)
{
    return input->next < input->end;
}

/* 0 to 255. */
static inline unsigned take_byte(struct input *input)
{
    return input_is_left(input) ? *input->next++ : 0;
}

/* 0 to limit - 1; limit is at most 65536. */
static inline unsigned take_below(struct input *input, unsigned limit)
{
    unsigned value = take_byte(input);
    if (limit > 256)
        value |= take_byte(input) << 8;
    return value % limit;
}

/* Eight bytes. */
static inline uint64_t take_word(struct input *input)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | take_byte(input);
    return word;
}

/* A number of any magnitude, mostly from one byte: a power of two, give or take one, or else some bits below it. */
static inline uint64_t take_number(struct input *input)
{
    unsigned byte = take_byte(input);
    uint64_t power = UINT64_C(1) << (byte & 63);
    switch (byte >> 6) {
    case 0:
        return power - 1;
    case 1:
        return power;
    case 2:
        return power + take_byte(input);
    default:
        return take_word(input) & (power - 1);
    }
}

#endif
