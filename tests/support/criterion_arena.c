/* Lets Criterion start under ThreadSanitizer, on x86-64.
 *
 * Criterion runs each test in a process of its own and hands it an arena, mapped at the fixed address
 *     0x200000000000 + (rand_r(&seed) & 0x3fffff) * 16 MiB.
 * Most of that range is ThreadSanitizer's shadow memory, where the mapping fails and the runner dies. This rand_r takes
 * libc's place in the test program and answers with page numbers of 0x566000000000 to 0x567fff000000 only: inside the
 * range that ThreadSanitizer leaves to position-independent programs (from 0x550000000000 up to 0x568000000000), above
 * what the program and its heap take up there. */

#define ARENA_INDEX_FIRST 0x366000u
#define ARENA_INDEX_MASK 0x1fffu

/* Exported: it is a shared library that calls it. */
__attribute__((visibility("default"))) int rand_r(unsigned *seed);

int rand_r(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)(ARENA_INDEX_FIRST + ((*seed >> 16) & ARENA_INDEX_MASK));
}
