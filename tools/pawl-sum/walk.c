#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pawl/pawl.h>

#include "directory.h"
#include "file.h"
#include "reader.h"
#include "sum.h"
#include "system.h"

/* After so many directories a walker lets others run, should there be no files for which it waits. */
#define YIELD_DIRECTORIES 64

/* A path to visit: a directory that was found, or a PATH. */
struct place {
    struct place *next;
    bool given;
    char path[];
};

struct walker {
    struct sum *sum;
    unsigned permits;
    unsigned directories;
    const char *directory;    /* being read */
    struct place *found;      /* its directories, last first */
    struct place **found_end; /* where the chain goes on */
    unsigned found_count;
    void *buffer;
    struct text path; /* room to put names together in */
};

void walk_init(struct walk *walk, unsigned walkers_max)
{
    *walk = (struct walk){.walkers_max = walkers_max};
    gate_init(&walk->done, 0);
    pthread_mutex_init(&walk->lock, NULL);
}

void walk_fini(struct walk *walk)
{
    while (walk->stack != NULL) {
        struct place *place = walk->stack;
        walk->stack = place->next;
        free(place);
    }
    pthread_mutex_destroy(&walk->lock);
    gate_fini(&walk->done);
}

static struct place *make_place(const char *path, size_t length, bool given)
{
    struct place *place = need_memory(sizeof *place + length + 1);
    place->next = NULL;
    place->given = given;
    memcpy(place->path, path, length + 1);
    return place;
}

static struct place *next_place_locked(struct sum *sum)
{
    struct walk *walk = &sum->walk;
    struct place *place = walk->stack;
    if (place != NULL) {
        walk->stack = place->next;
    } else if (walk->path_next < sum->options.path_count) {
        const char *path = sum->options.paths[walk->path_next++];
        place = make_place(path, strlen(path), true);
    }
    return place;
}

/* The next place to visit; NULL: the caller is no walker any more. That it found nothing and that it is gone are one
 * step under the lock, so the last to go leaves nothing behind. */
static struct place *take_place_or_leave(struct sum *sum)
{
    struct walk *walk = &sum->walk;
    pthread_mutex_lock(&walk->lock);
    struct place *place = sum_stopped(sum) ? NULL : next_place_locked(sum);
    bool last = place == NULL && --walk->walkers == 0;
    pthread_mutex_unlock(&walk->lock);
    if (last)
        gate_release(&walk->done, 1);
    return place;
}

/* False: the run is stopping. */
static bool take_permit(struct walker *walker)
{
    if (walker->permits == 0) {
        gate_acquire(&walker->sum->window, WALK_PERMITS);
        walker->permits = WALK_PERMITS;
    }
    if (sum_stopped(walker->sum))
        return false;
    walker->permits--;
    return true;
}

static bool add_file(struct walker *walker, const char *name)
{
    if (!take_permit(walker))
        return false;
    directory_join(&walker->path, walker->directory, name);
    file_spawn(walker->sum, FILE_FOUND, walker->path.bytes, walker->path.size);
    return true;
}

static void add_directory(struct walker *walker, const char *name)
{
    directory_join(&walker->path, walker->directory, name);
    struct place *place = make_place(walker->path.bytes, walker->path.size, false);
    *walker->found_end = place;
    walker->found_end = &place->next;
    walker->found_count++;
}

static bool visit_entry(void *arg, int directory, const char *name, unsigned mode)
{
    (void)directory;
    struct walker *walker = arg;
    if (S_ISREG(mode) || mode == 0) /* 0: it has vanished, which opening it will report */
        return add_file(walker, name);
    if (S_ISDIR(mode)) {
        add_directory(walker, name);
    } else if (!S_ISLNK(mode)) {
        directory_join(&walker->path, walker->directory, name);
        report_skip(walker->sum, walker->path.bytes, reader_kind(mode));
    }
    return !sum_stopped(walker->sum);
}

static void *run_walker(void *arg);

/* Puts what was found on the stack, and starts another walker if there is enough for two. */
static void share_found(struct walker *walker)
{
    struct walk *walk = &walker->sum->walk;
    if (walker->found == NULL)
        return;
    pthread_mutex_lock(&walk->lock);
    *walker->found_end = walk->stack;
    walk->stack = walker->found;
    bool another = walker->found_count > 1 && walk->walkers < walk->walkers_max;
    if (another)
        walk->walkers++;
    pthread_mutex_unlock(&walk->lock);
    if (another && pawl_spawn(NULL, run_walker, walker->sum, NULL) != 0) {
        pthread_mutex_lock(&walk->lock);
        walk->walkers--; /* never to 0: the caller is one */
        pthread_mutex_unlock(&walk->lock);
    }
}

static void visit_directory(struct walker *walker, const struct place *place)
{
    walker->directory = place->path;
    walker->found = NULL;
    walker->found_end = &walker->found;
    walker->found_count = 0;
    int error =
        directory_each(place->path, place->given, walker->sum->options.reads, walker->buffer, visit_entry, walker);
    if (error != 0)
        report_failure(walker->sum, place->path, error, NULL);
    share_found(walker);
    if (++walker->directories % YIELD_DIRECTORIES == 0)
        (void)pawl_yield(); /* nobody cancels this task */
}

static void visit_given(struct walker *walker, const struct place *place)
{
    struct sum *sum = walker->sum;
    bool input = strcmp(place->path, "-") == 0;
    struct stat status = {0};
    int error = input ? 0 : system_stat(place->path, &status);
    if (error != 0) {
        report_failure(sum, place->path, error, NULL);
    } else if (input || S_ISREG(status.st_mode)) {
        if (take_permit(walker))
            file_spawn(sum, input ? FILE_STANDARD_INPUT : FILE_GIVEN, place->path, strlen(place->path));
    } else if (S_ISDIR(status.st_mode)) {
        visit_directory(walker, place);
    } else {
        struct text what = {0};
        text_format(&what, "is %s, not a file or a directory", reader_kind(status.st_mode));
        text_append_char(&what, '\0');
        report_failure(sum, place->path, -EINVAL, what.bytes);
        text_fini(&what);
    }
}

static void *run_walker(void *arg)
{
    struct sum *sum = arg;
    struct walker walker = {.sum = sum, .buffer = need_memory(DIRECTORY_BUFFER_SIZE)};
    struct place *place = NULL;
    while ((place = take_place_or_leave(sum)) != NULL) {
        if (place->given)
            visit_given(&walker, place);
        else
            visit_directory(&walker, place);
        free(place);
    }
    free(walker.buffer);
    text_fini(&walker.path);
    gate_release(&sum->window, walker.permits);
    return NULL;
}

void walk_run(struct sum *sum)
{
    sum->walk.walkers = 1;
    run_walker(sum);
    gate_acquire(&sum->walk.done, 1);
    gate_acquire(&sum->window, sum->window_size); /* all permits back: every file has been dealt with */
}
