#include "sync/permits.h"

#include "base/noise.h"

/* To be called under the lock, with WAITERS set: takes what there is for as many of the first as it suffices for. */
static uint64_t hand_out(struct permits *permits, uint64_t word, struct claimed *claimed)
{
    struct waiter *first;
    while ((first = waiters_first(&permits->waiters)) != NULL) {
        uint32_t n = wait_of(first)->count;
        if (n > permits_limit(permits) - permits_taken(word))
            break;
        list_remove(&first->link);
        if (!waiter_claim(first))
            continue;
        word += n * PERMITS_ONE;
        claimed_add(claimed, first);
    }
    return word;
}

/* Stores the word under the lock: from here on it is the lock's no more if nobody waits. */
static void store_word(struct permits *permits, uint64_t word)
{
    if (waiters_empty(&permits->waiters))
        word &= ~PERMITS_WAITERS;
    store_release_u64(&permits->word, word); /* edge permits.word */
}

/* Under the lock. false: nobody waits (any more), so the word is anyone's. */
static bool load_word(const struct permits *permits, uint64_t *word)
{
    *word = load_acquire_u64(&permits->word); /* edge permits.word: what we hand out was released to us */
    return (*word & PERMITS_WAITERS) != 0;
}

bool pawl__permits_release_locked(struct permits *permits, uint32_t n)
{
    struct claimed claimed = {NULL, NULL};
    uint64_t word;
    lock_acquire(&permits->lock);
    bool awaited = load_word(permits, &word);
    if (awaited)
        store_word(permits, hand_out(permits, word - permits_at_most_taken(word, n) * PERMITS_ONE, &claimed));
    lock_release(&permits->lock);
    noise_point("permits.word.released");
    waiters_grant(&claimed, OUTCOME_GRANTED);
    return awaited;
}

/* Whoever has waited longest, or NULL. */
static struct waiter *take_first(struct permits *permits)
{
    struct waiter *waiter = NULL;
    uint64_t word;
    lock_acquire(&permits->lock);
    if (load_word(permits, &word)) {
        waiter = waiters_take(&permits->waiters);
        store_word(permits, word);
    }
    lock_release(&permits->lock);
    return waiter;
}

void pawl__permits_tell_one(struct permits *permits, bool keep)
{
    uint64_t word = load_relaxed_u64(&permits->word); /* relaxed: a compare-and-swap or the lock decides; and who */
    for (;;) {                                        /* queued before us is seen to wait, if it happened before */
        if ((word & PERMITS_WAITERS) != 0) {
            struct waiter *waiter = take_first(permits);
            if (waiter != NULL) {
                pawl__waiter_grant(waiter, OUTCOME_GRANTED);
                return;
            }
            word = load_relaxed_u64(&permits->word);
            continue;
        }
        if (!keep)
            return;
        /* Written even if it is there already: so what we wrote before is seen by who takes it. */
        uint64_t next = permits_taken(word) == 0 ? word : word - PERMITS_ONE;
        if (cas_acq_rel_relaxed_u64(&permits->word, &word, next)) /* edge permits.word */
            return;
    }
}

/* Under the lock; ends with nobody waiting. */
static void take_all(struct permits *permits, struct claimed *claimed)
{
    uint64_t word;
    if (!load_word(permits, &word))
        return;
    waiters_take_all(&permits->waiters, claimed);
    store_word(permits, word);
}

void pawl__permits_tell_all(struct permits *permits)
{
    struct claimed claimed = {NULL, NULL};
    /* Read by a read-modify-write: who queues after it sees what we wrote before, who queued before it is seen. */
    if ((fetch_or_acq_rel_u64(&permits->word, 0) & PERMITS_WAITERS) == 0)
        return;
    lock_acquire(&permits->lock);
    take_all(permits, &claimed);
    lock_release(&permits->lock);
    waiters_grant(&claimed, OUTCOME_GRANTED_TO_ALL);
}

void pawl__permits_close(struct permits *permits)
{
    struct claimed claimed = {NULL, NULL};
    uint64_t word = load_relaxed_u64(&permits->word); /* relaxed: the compare-and-swap decides */
    while ((word & PERMITS_CLOSED) == 0) {
        if ((word & PERMITS_WAITERS) == 0) {
            if (cas_acq_rel_relaxed_u64(&permits->word, &word, word | PERMITS_CLOSED))
                break;
            continue;
        }
        lock_acquire(&permits->lock);
        take_all(permits, &claimed);
        lock_release(&permits->lock);
        noise_point("permits.word.closing");
        word = load_relaxed_u64(&permits->word);
    }
    waiters_grant(&claimed, -EPIPE);
}

/* ---- waiting ---- */

int pawl__permits_attempt(struct wait *wait, struct claimed *claimed)
{
    struct permits *permits = wait->object;
    (void)claimed;
    if (permits_try(permits, wait->count))
        return 0;
    /* acquire: what was written before the close */
    return (load_acquire_u64(&permits->word) & PERMITS_CLOSED) != 0 ? -EPIPE : -EAGAIN;
}

int pawl__permits_queue(struct wait *wait, struct claimed *claimed)
{
    struct permits *permits = wait->object;
    (void)claimed;
    /* edge permits.word, acquire: and from here on the word is ours */
    uint64_t word = fetch_or_acq_rel_u64(&permits->word, PERMITS_WAITERS) | PERMITS_WAITERS;
    noise_point("permits.word.queueing");
    int result = WAIT_QUEUED;
    if (waiters_empty(&permits->waiters)) {
        if ((word & PERMITS_CLOSED) != 0) {
            result = -EPIPE;
        } else if (wait->count <= permits_limit(permits) - permits_taken(word)) {
            word += wait->count * PERMITS_ONE;
            result = 0;
        }
    }
    if (result == WAIT_QUEUED)
        waiters_push(&permits->waiters, &wait->waiter);
    else
        store_word(permits, word);
    return result;
}

void pawl__permits_withdrawn(struct wait *wait, struct claimed *claimed)
{
    struct permits *permits = wait->object;
    uint64_t word;
    if (load_word(permits, &word))
        store_word(permits, hand_out(permits, word, claimed));
}

void pawl__permits_pass_on(struct wait *wait)
{
    permits_release(wait->object, wait->count);
}

const struct wait_kind pawl__permits_kind = {
    .attempt = pawl__permits_attempt,
    .queue = pawl__permits_queue,
    .withdrawn = pawl__permits_withdrawn,
    .pass_on = pawl__permits_pass_on,
};

int pawl__permits_acquire(struct permits *permits, uint32_t n, uint64_t deadline_ns)
{
    struct wait wait = permits_wait(permits, n);
    return pawl__wait(&wait, deadline_ns);
}
