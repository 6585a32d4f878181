/* Stress for a structure of one's own: a mailbox that tasks hand letters through.
 *
 * The ledger finds a letter that was lost or came twice; the noise point lies where the race would be, between looking
 * and taking. Built with a library that has marks inside (pawl_noise_inside), the runtime's own windows open as well.
 */
#include <pawl/pawl.h>
#include <pawl/testing.h>
#include <stdatomic.h>

#define LETTERS 2000
#define READERS 3

static struct pawl_ledger *ledger;
static _Atomic uint64_t mailbox; /* a letter's number; 0: empty */
static _Atomic uint64_t taken;

static void *write_letters(void *arg)
{
    uint64_t letter;
    while (pawl_ledger_issue(ledger, &letter) == 0) {
        uint64_t empty = 0;
        while (!atomic_compare_exchange_strong(&mailbox, &empty, letter) && atomic_load(&taken) < LETTERS) {
            empty = 0;
            pawl_yield();
        }
    }
    return arg;
}

static void *read_letters(void *arg)
{
    while (atomic_load(&taken) < LETTERS) {
        uint64_t letter = atomic_load(&mailbox);
        pawl_noise_point("mailbox.seen");
        /* with a plain store of 0 instead, two readers take the same letter: try it */
        if (letter != 0 && atomic_compare_exchange_strong(&mailbox, &letter, 0)) {
            pawl_ledger_settle(ledger, letter);
            atomic_fetch_add(&taken, 1);
        }
        pawl_yield();
    }
    return arg;
}

static void *post(void *arg)
{
    struct pawl_task *tasks[READERS + 1];
    for (int i = 0; i <= READERS; i++)
        if (pawl_spawn(NULL, i == 0 ? write_letters : read_letters, NULL, &tasks[i]) != 0)
            return NULL;
    for (int i = 0; i <= READERS; i++)
        pawl_join(tasks[i], NULL);
    return arg;
}

int main(void)
{
    char sentence[200];
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 4;
    pawl_noise_start(pawl_seed_announce("MAILBOX_SEED"), 50);
    if (pawl_ledger_create(&ledger, LETTERS) != 0 || pawl_run(&o, post, NULL, NULL) != 0)
        return 1;
    uint64_t faults = pawl_ledger_check(ledger, sentence, sizeof sentence);
    printf("%s\n", sentence);
    pawl_ledger_destroy(ledger);
    return faults == 0 ? 0 : 1;
}
