#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pawl/pawl.h>

#include "reader.h"
#include "sum.h"

/* After so many bytes a task lets others run, and with them the timers: a worker that is never done with one long file
 * would fire none. Long enough that the switch costs nothing beside them. */
#define YIELD_SIZE (UINT64_C(1024) * 1024)

struct job {
    struct sum *sum;
    enum file_origin origin;
    char name[];
};

/* One file's way from open to digest, on its task's stack. */
struct attempt {
    struct sum *sum;
    struct hasher *hasher;
    struct reader reader;
    struct pawl_timer timer;
    _Atomic bool late;
    enum reads reads;
    uint64_t started_ns;
    struct file_sum result;
};

enum outcome { OUTCOME_SUMMED, OUTCOME_FAILED, OUTCOME_LATE, OUTCOME_STOPPED };

static void note_late(struct pawl_timer *timer, void *late, int status)
{
    (void)timer;
    if (status == 0)
        atomic_store_explicit((_Atomic bool *)late, true, memory_order_relaxed);
}

static void *fill_on_pool(void *reader)
{
    reader_fill(reader);
    return NULL;
}

static enum outcome fail(struct attempt *attempt, int error, const char *what)
{
    attempt->reader.error = error;
    attempt->reader.what = what;
    return OUTCOME_FAILED;
}

/* Fills the buffer, then says whether to go on with it. */
static enum outcome read_piece(struct attempt *attempt)
{
    struct reader *reader = &attempt->reader;
    bool there = attempt->reads == READS_AUTO && reader_try_fill(reader);
    bool filled = there || (attempt->reads != READS_INLINE && pawl_block(fill_on_pool, reader, NULL) == 0);
    if (!filled)
        reader_fill(reader); /* as asked for, or because no thread can be had */
    if (reader->error != 0)
        return OUTCOME_FAILED;
    if (sum_stopped(attempt->sum))
        return OUTCOME_STOPPED;
    if (atomic_load_explicit(&attempt->late, memory_order_relaxed))
        return OUTCOME_LATE;
    return OUTCOME_SUMMED;
}

static enum outcome digest_pieces(struct attempt *attempt)
{
    struct reader *reader = &attempt->reader;
    struct tally *tally = &attempt->sum->tally;
    uint64_t next_yield = YIELD_SIZE;
    if (!hasher_begin(attempt->hasher))
        return fail(attempt, -EIO, "libcrypto failed");
    while (!reader->end) {
        enum outcome outcome = read_piece(attempt);
        if (outcome != OUTCOME_SUMMED)
            return outcome;
        if (!hasher_add(attempt->hasher, reader->filled))
            return fail(attempt, -EIO, "libcrypto failed");
        attempt->result.bytes += reader->filled;
        atomic_fetch_add_explicit(&tally->bytes_read, reader->filled, memory_order_relaxed);
        if (attempt->result.bytes >= next_yield && !reader->end) {
            next_yield += YIELD_SIZE;
            (void)pawl_yield(); /* nobody cancels this task */
        }
    }
    if (!hasher_end(attempt->hasher, attempt->result.digest))
        return fail(attempt, -EIO, "libcrypto failed");
    return OUTCOME_SUMMED;
}

/* Under the timer, if there is one. A file that was done before its timer could run but after its time is late too, so
 * that the same timeout means the same everywhere. */
static enum outcome digest_in_time(struct attempt *attempt)
{
    uint64_t timeout_ns = attempt->sum->options.timeout_ns;
    if (timeout_ns == PAWL_NEVER)
        return digest_pieces(attempt);
    pawl_timer_init(&attempt->timer, note_late, &attempt->late);
    int error = pawl_timer_arm(NULL, &attempt->timer, attempt->started_ns + timeout_ns);
    if (error != 0)
        return fail(attempt, error, NULL);
    enum outcome outcome = digest_pieces(attempt);
    if (pawl_timer_cancel(&attempt->timer) != 0)
        (void)pawl_timer_cancel_sync(&attempt->timer); /* its callback uses our stack: wait until it has ended */
    if (outcome == OUTCOME_SUMMED && pawl_now(NULL) - attempt->started_ns >= timeout_ns)
        outcome = OUTCOME_LATE;
    return outcome;
}

static void report(struct attempt *attempt, const char *name, enum outcome outcome)
{
    struct sum *sum = attempt->sum;
    switch (outcome) {
    case OUTCOME_SUMMED:
        report_sum(sum, name, &attempt->result, &attempt->hasher->line);
        break;
    case OUTCOME_FAILED:
        report_failure(sum, name, attempt->reader.error, attempt->reader.what);
        break;
    case OUTCOME_LATE:
        report_failure(sum, name, -ETIMEDOUT, "timed out");
        break;
    case OUTCOME_STOPPED:
        return;
    }
    atomic_fetch_add_explicit(&sum->tally.files_ended, 1, memory_order_relaxed);
}

static void sum_file(struct job *job, struct hasher *hasher)
{
    struct sum *sum = job->sum;
    bool input = job->origin == FILE_STANDARD_INPUT;
    struct attempt attempt;
    memset(&attempt.reader, 0, sizeof attempt.reader);
    attempt.sum = sum;
    attempt.hasher = hasher;
    attempt.reader.path = input ? NULL : job->name;
    attempt.reader.follow = job->origin == FILE_GIVEN;
    attempt.reader.buffer = hasher->buffer;
    attempt.reader.capacity = sizeof hasher->buffer;
    attempt.reader.stop = &sum->stop;
    attempt.reader.late = &attempt.late;
    attempt.reader.fd = -1;
    attempt.reads = input ? READS_POOL : sum->options.reads;
    attempt.result.bytes = 0;
    atomic_init(&attempt.late, false);
    attempt.started_ns = pawl_now(NULL);
    enum outcome outcome = digest_in_time(&attempt);
    attempt.result.ns = pawl_now(NULL) - attempt.started_ns;
    reader_close(&attempt.reader);
    report(&attempt, job->name, outcome);
}

static void *run_job(void *argument)
{
    struct job *job = argument;
    struct sum *sum = job->sum;
    bool input = job->origin == FILE_STANDARD_INPUT;
    if (input)
        gate_acquire(&sum->standard_input, 1);
    struct hasher *hasher = hashers_take(&sum->hashers);
    if (!sum_stopped(sum))
        sum_file(job, hasher);
    hashers_give(&sum->hashers, hasher);
    if (input)
        gate_release(&sum->standard_input, 1);
    free(job);
    gate_release(&sum->window, 1);
    return NULL;
}

void file_spawn(struct sum *sum, enum file_origin origin, const char *name, size_t length)
{
    struct job *job = need_memory(sizeof *job + length + 1);
    job->sum = sum;
    job->origin = origin;
    memcpy(job->name, name, length);
    job->name[length] = '\0';
    if (pawl_spawn(NULL, run_job, job, NULL) != 0)
        run_job(job);
}
