/* Fault: a task forgets the memory that another gave it. */
#include <pawl/pawl.h>
#include <stdlib.h>

static void *make_gift(void *arg)
{
    (void)arg;
    pawl_sleep(PAWL_MS(1));
    return malloc(100);
}

static void *take_gift(void *arg)
{
    struct pawl_task *giver;
    void *gift = NULL;

    if (pawl_spawn(NULL, make_gift, NULL, &giver) != 0)
        return NULL;
    pawl_join(giver, &gift);
    if (!PLANTED)
        free(gift);
    return arg;
}

int main(void)
{
    int number = 0;
    void *result = NULL;

    return pawl_run(NULL, take_gift, &number, &result) == 0 && result == &number ? 0 : 1;
}
