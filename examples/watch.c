/* A watch: a value of which only the latest counts, such as settings. Those who depend on it read it whenever they
 * like, and wait for the next one when they have nothing else to do. */
#include <pawl/pawl.h>
#include <stdio.h>

#define CHANGES 100

struct settings {
    int level;
    int level_doubled; /* never read half old and half new */
};

static struct pawl_watch *settings_watch;

/* Returns the settings' last level, or NULL if it saw something strange. */
static void *follow(void *arg)
{
    struct settings settings = {0, 0};
    uint64_t version = 0; /* none seen yet: the first wait returns at once */
    int *seen = arg;
    while (pawl_watch_wait(settings_watch, &settings, &version) == 0) {
        if (settings.level_doubled != 2 * settings.level || settings.level + 1 != (int)version)
            return NULL;
        ++*seen;
    }
    *seen = settings.level; /* closed, and this was the last one; or cancelled */
    return seen;
}

static void *change(void *arg)
{
    struct pawl_task *follower;
    void *result = NULL;
    if (pawl_spawn(NULL, follow, arg, &follower) != 0)
        return NULL;
    for (int i = 1; i <= CHANGES; i++) {
        struct settings next = {i, 2 * i};
        pawl_watch_send(settings_watch, &next);
        if (i % 10 == 0)
            pawl_yield();
    }
    pawl_watch_close(settings_watch);
    pawl_join(follower, &result);
    return result;
}

int main(void)
{
    static const struct settings initial = {0, 0};
    int last = 0;
    void *result;
    if (pawl_watch_create(&settings_watch, &initial, sizeof initial) != 0 ||
        pawl_run(NULL, change, &last, &result) != 0 || result == NULL)
        return 1;
    pawl_watch_destroy(settings_watch); /* when pawl_run has returned no task is left that could use it */
    printf("the follower ended with level %d\n", last);
    return last == CHANGES ? 0 : 1;
}
