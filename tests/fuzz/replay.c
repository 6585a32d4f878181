/* Runs inputs through a fuzz target without libFuzzer: every file named, and every file in a directory named.
 *
 * So that the corpus is a test in every build. Finding nothing to run is a failure. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_SIZE_MAX = 1 << 20, FOUND = 77 /* the exit status, as libFuzzer's */ };

static char running[PATH_MAX]; /* the input that is being run, for on_abort */

static void on_abort(int signal)
{
    static const char before[] = "the input was ", after[] = "\n";
    (void)signal;
    ssize_t written = write(2, before, sizeof before - 1);
    written = written < 0 ? written : write(2, running, strlen(running));
    written = written < 0 ? written : write(2, after, sizeof after - 1);
    (void)written;
    _exit(FOUND);
}

static _Noreturn void refuse(const char *path, const char *why)
{
    dprintf(2, "replay: %s: %s\n", path, why);
    exit(2);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        refuse(path, strerror(errno));
    uint8_t *room = malloc(INPUT_SIZE_MAX);
    if (room == NULL)
        refuse(path, "out of memory");
    size_t size = fread(room, 1, INPUT_SIZE_MAX, file);
    if (ferror(file) != 0)
        refuse(path, "cannot be read");
    fclose(file);
    uint8_t *bytes = malloc(size > 0 ? size : 1); /* exactly as large, so that reading past it is seen */
    if (bytes == NULL)
        refuse(path, "out of memory");
    memcpy(bytes, room, size);
    free(room);
    snprintf(running, sizeof running, "%s", path);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static unsigned replay_directory(const char *path)
{
    char name[PATH_MAX];
    unsigned count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        refuse(path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name)
            refuse(path, "a path in it is too long");
        replay_file(name);
        count++;
    }
    closedir(directory);
    return count;
}

static unsigned replay(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        refuse(path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return replay_directory(path);
    replay_file(path);
    return 1;
}

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    LLVMFuzzerInitialize(&argc, &argv);
    signal(SIGABRT, on_abort);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    if (count == 0)
        refuse(argc > 1 ? argv[1] : "usage: TARGET FILE|DIRECTORY...", "no input to run");
    dprintf(1, "%u inputs, nothing found\n", count);
    return 0;
}
