#include "scout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "directory.h"
#include "system.h"
#include "text.h"

struct scout_place {
    struct scout_place *next;
    bool given;
    char *path; /* its own */
};

struct scouting {
    struct scout *scout;
    const char *directory;
    struct scout_place *stack;
    void *buffer;
    struct text path; /* room to put names together in */
};

void scout_init(struct scout *scout, const struct options *options, const _Atomic int *stop)
{
    *scout = (struct scout){.options = options, .stop = stop};
}

void scout_end(struct scout *scout)
{
    atomic_store_explicit(&scout->ended, true, memory_order_relaxed);
}

static bool told_to_end(struct scout *scout)
{
    return atomic_load_explicit(&scout->ended, memory_order_relaxed) ||
           atomic_load_explicit(scout->stop, memory_order_relaxed) != 0;
}

static void push(struct scouting *scouting, const char *path, bool given)
{
    struct scout_place *place = need_memory(sizeof *place);
    *place = (struct scout_place){.next = scouting->stack, .given = given, .path = need_string(path)};
    scouting->stack = place;
}

static void add_file(struct scout *scout, const struct stat *status)
{
    atomic_fetch_add_explicit(&scout->files, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&scout->bytes, (uint64_t)status->st_size, memory_order_relaxed);
}

static bool visit_entry(void *arg, int directory, const char *name, unsigned mode)
{
    struct scouting *scouting = arg;
    struct stat status;
    if (S_ISDIR(mode)) {
        directory_join(&scouting->path, scouting->directory, name);
        push(scouting, scouting->path.bytes, false);
    } else if (S_ISREG(mode) && system_stat_at(directory, name, &status) == 0) {
        add_file(scouting->scout, &status);
    }
    return !told_to_end(scouting->scout);
}

static void visit_place(struct scouting *scouting, const struct scout_place *place)
{
    struct stat status;
    bool directory = !place->given;
    if (place->given && system_stat(place->path, &status) == 0) {
        directory = S_ISDIR(status.st_mode);
        if (S_ISREG(status.st_mode))
            add_file(scouting->scout, &status);
    }
    if (!directory)
        return;
    scouting->directory = place->path;
    (void)directory_each(place->path, place->given, READS_INLINE, scouting->buffer, visit_entry, scouting);
}

static void visit_below(struct scouting *scouting)
{
    while (scouting->stack != NULL) {
        struct scout_place *place = scouting->stack;
        scouting->stack = place->next;
        if (!told_to_end(scouting->scout))
            visit_place(scouting, place);
        free(place->path);
        free(place);
    }
}

/* How much comes through standard input nobody knows: then it is never complete. */
void *scout_run(void *arg)
{
    struct scout *scout = arg;
    struct scouting scouting = {.scout = scout, .buffer = need_memory(DIRECTORY_BUFFER_SIZE)};
    bool knowable = true;
    for (int i = 0; i < scout->options->path_count; i++) {
        const char *given = scout->options->paths[i];
        if (strcmp(given, "-") == 0) {
            knowable = false;
            continue;
        }
        push(&scouting, given, true);
        visit_below(&scouting);
    }
    free(scouting.buffer);
    text_fini(&scouting.path);
    if (knowable && !told_to_end(scout))
        atomic_store_explicit(&scout->complete, true, memory_order_release);
    return NULL;
}
