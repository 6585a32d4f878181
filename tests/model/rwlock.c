/* Readers-writer lock: permits of which a writer takes all. What it guards is plain. Edge permits.word.
 *
 * Final states:
 *     writers, readers       a writer alone, readers together; whoever writes last frees it, at once after the unlock
 *     downgrading            no writer in between; readers that waited come in
 *     a writer that waits    is not overtaken by readers; if it gives up they come in */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/rwlock.c" /* NOLINT: for its static functions */

static struct pawl_rwlock *rwlock;
static unsigned value; /* plain, under the lock: counts its writers */

static void set_up(void)
{
    rwlock = malloc(sizeof *rwlock);
    MODEL_ASSERT(pawl_rwlock_init(rwlock) == 0);
}

static void tear_down(void)
{
    MODEL_ASSERT(pawl_rwlock_fini(rwlock) == 0);
    free(rwlock);
}

/* ---- threads ---- */

/* The second one to write frees. */
static void write_and_free(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_rwlock_write(rwlock) == 0);
    bool last = ++value == 2;
    pawl_rwlock_unlock(rwlock);
    if (last)
        tear_down();
}

static void write_once(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_rwlock_write(rwlock) == 0);
    value++;
    pawl_rwlock_unlock(rwlock);
}

static void read_first(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_rwlock_read(rwlock) == 0);
    answer[0] = (int)value;
    pawl_rwlock_unlock(rwlock);
}

static void read_second(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_rwlock_read(rwlock) == 0);
    answer[1] = (int)value;
    pawl_rwlock_unlock(rwlock);
}

static void try_to_read(void *unused)
{
    (void)unused;
    answer[2] = pawl_rwlock_try_read(rwlock) ? 0 : -EAGAIN;
    if (answer[2] == 0)
        pawl_rwlock_unlock(rwlock);
}

static void write_and_downgrade(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_rwlock_write(rwlock) == 0);
    unsigned mine = ++value;
    pawl_rwlock_downgrade(rwlock);
    MODEL_ASSERT(value == mine);
    pawl_rwlock_unlock(rwlock);
}

/* ---- scenarios ---- */

static void two_write(void)
{
    set_up();
    run_two(write_and_free, write_and_free);
    MODEL_ASSERT(value == 2);
}

static void read_meets_write(void)
{
    set_up();
    run_two(read_first, write_once);
    MODEL_ASSERT(value == 1);
    model_outcome("%d", answer[0]);
    tear_down();
}

static void read_meets_read(void)
{
    set_up();
    run_two(read_first, read_second);
    tear_down();
}

/* The writer waits for a reader; the second reader comes now. */
static void two_read_as_one_writes(void)
{
    set_up();
    MODEL_ASSERT(pawl_rwlock_read(rwlock) == 0);
    unsigned t = model_spawn(read_first, NULL), u = model_spawn(write_once, NULL);
    pawl_rwlock_unlock(rwlock);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(value == 1);
    model_outcome("%d", answer[0]);
    tear_down();
}

static void downgrade_meets_write(void)
{
    set_up();
    run_two(write_and_downgrade, write_once);
    MODEL_ASSERT(value == 2);
    tear_down();
}

static void downgrade_meets_read(void)
{
    set_up();
    run_two(write_and_downgrade, read_first);
    model_outcome("%d", answer[0]);
    tear_down();
}

static void begin_lock(unsigned i, uint32_t n)
{
    begin(i, permits_wait(&private_of(rwlock)->permits, n));
}

/* Of those that wait the reader comes in with what is left of the lock, the writer behind it with the rest. */
static void downgrade_meets_both(void)
{
    set_up();
    MODEL_ASSERT(pawl_rwlock_write(rwlock) == 0);
    begin_lock(0, READER);
    begin_lock(1, WRITER);
    unsigned t = model_spawn(end_first, NULL);
    value++;
    pawl_rwlock_downgrade(rwlock);
    model_join(t);
    MODEL_ASSERT(answer[0] == 0 && !is_granted(1) && !pawl_rwlock_try_read(rwlock));
    t = model_spawn(end_second, NULL);
    pawl_rwlock_unlock(rwlock);
    pawl_rwlock_unlock(rwlock);
    model_join(t);
    MODEL_ASSERT(answer[1] == 0);
    permits_release(&private_of(rwlock)->permits, WRITER);
    tear_down();
}

static void end_first_and_unlock(void *unused)
{
    end_first(unused);
    hold(private_of(rwlock), WRITER);
    value++;
    pawl_rwlock_unlock(rwlock);
}

/* A reader has it, a writer waits: who comes to read is told no, or comes after the writer. */
static void no_reader_overtakes(void)
{
    set_up();
    MODEL_ASSERT(pawl_rwlock_read(rwlock) == 0);
    begin_lock(0, WRITER);
    unsigned t = model_spawn(end_first_and_unlock, NULL), u = model_spawn(read_second, NULL);
    pawl_rwlock_unlock(rwlock);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 1);
    tear_down();
}

/* A reader has it, a writer and a reader wait: the writer gives up. */
static void writer_gives_up(void)
{
    set_up();
    MODEL_ASSERT(pawl_rwlock_read(rwlock) == 0);
    begin_lock(0, WRITER);
    begin_lock(1, READER);
    run_three(end_first_soon, end_second, try_to_read);
    MODEL_ASSERT(answer[0] == -ETIMEDOUT && answer[1] == 0);
    model_outcome("%s", name_of(answer[2]));
    pawl_rwlock_unlock(rwlock);
    pawl_rwlock_unlock(rwlock);
    tear_down();
}

SCENARIO(two_write, "two write; the last one frees", .outcomes = NULL)
SCENARIO(read_meets_write, "one reads, one writes", ONLY("0", "1"))
SCENARIO(read_meets_read, "two read", .outcomes = NULL)
SCENARIO(two_read_as_one_writes, "one reads, one more, and one writes", ONLY("0", "1"))
SCENARIO(downgrade_meets_write, "a writer becomes a reader as another one writes", .outcomes = NULL)
SCENARIO(downgrade_meets_read, "a writer becomes a reader as another one reads", ONLY("0", "1"))
SCENARIO(downgrade_meets_both, "a writer becomes a reader as a reader and a writer wait", .outcomes = NULL)
SCENARIO(no_reader_overtakes, "one reads, one waits to write, one comes to read", .outcomes = NULL)
SCENARIO(writer_gives_up, "a reader waits for a writer that gives up", ONLY("0", "EAGAIN"), .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&two_write_,
                                                             &read_meets_write_,
                                                             &read_meets_read_,
                                                             &two_read_as_one_writes_,
                                                             &downgrade_meets_write_,
                                                             &downgrade_meets_read_,
                                                             &downgrade_meets_both_,
                                                             &no_reader_overtakes_,
                                                             &writer_gives_up_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
