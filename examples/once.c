/* Something that is made when it is first needed, by whoever needs it first. Those who come meanwhile wait; the maker
 * may suspend. If it fails, the next one who comes tries again. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdio.h>

#define TASKS 10

struct table {
    struct pawl_once made;
    int tries;
    unsigned squares[16];
};

static struct table table = {.made = PAWL_ONCE_INITIALIZER};

static int make(void *arg)
{
    struct table *t = arg;
    if (t->tries++ == 0)
        return -EAGAIN; /* the first attempt fails */
    pawl_sleep(PAWL_MS(2));
    for (unsigned i = 0; i < 16; i++)
        t->squares[i] = i * i;
    return 0;
}

static unsigned square(unsigned number)
{
    int error;
    do
        error = pawl_once_call(&table.made, make, &table);
    while (error == -EAGAIN);
    return error == 0 ? table.squares[number] : 0;
}

static void *look_up(void *sum)
{
    atomic_fetch_add((_Atomic unsigned *)sum, square(4));
    return NULL;
}

static void *look_up_together(void *sum)
{
    struct pawl_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        if (pawl_spawn(NULL, look_up, sum, &tasks[i]) != 0)
            return NULL;
    for (int i = 0; i < TASKS; i++)
        pawl_join(tasks[i], NULL);
    return NULL;
}

int main(void)
{
    _Atomic unsigned sum = 0;
    if (pawl_run(NULL, look_up_together, &sum, NULL) != 0)
        return 1;
    printf("%d times 4 * 4 is %u, with a table made at the second try\n", TASKS, sum);
    return sum == TASKS * 16 && table.tries == 2 && pawl_once_done(&table.made) ? 0 : 1;
}
