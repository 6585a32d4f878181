#include "stress.h"

/* splitmix64's finaliser: neighbouring seeds give unrelated states. */
static uint64_t scatter(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

struct random random_seeded(uint64_t seed, uint64_t stream)
{
    uint64_t state = scatter(scatter(seed + UINT64_C(0x9E3779B97F4A7C15)) + stream);
    return (struct random){state != 0 ? state : 1};
}

uint64_t random_next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(0x2545F4914F6CDD1D);
}

uint64_t random_below(struct random *r, uint64_t limit)
{
    return (random_next(r) >> 16) % limit;
}

bool random_once_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}
