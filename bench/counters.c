#include "counters.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t events[COUNTERS] = {PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_CACHE_MISSES};

static int open_event(uint64_t event, int thread)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attributes,
        .config = event,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    long fd = syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

static int open_thread(struct counters *c, int thread)
{
    if (c->threads == COUNTED_THREADS_MAX)
        return -E2BIG;
    int *fds = c->fds[c->threads];
    for (int event = 0; event < COUNTERS; event++) {
        fds[event] = open_event(events[event], thread);
        if (fds[event] < 0) {
            int error = fds[event];
            while (event-- > 0)
                close(fds[event]);
            return error;
        }
    }
    c->threads++;
    return 0;
}

int counters_open(struct counters *c)
{
    c->threads = 0;
    DIR *directory = opendir("/proc/self/task");
    if (directory == NULL)
        return -errno;
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            result = open_thread(c, atoi(entry->d_name));
    closedir(directory);
    if (result < 0)
        counters_close(c);
    return result;
}

void counters_close(struct counters *c)
{
    for (; c->threads > 0; c->threads--)
        for (int event = 0; event < COUNTERS; event++)
            close(c->fds[c->threads - 1][event]);
}

int counters_read(const struct counters *c, uint64_t sums[COUNTERS])
{
    for (int event = 0; event < COUNTERS; event++) {
        sums[event] = 0;
        for (int thread = 0; thread < c->threads; thread++) {
            struct {
                uint64_t count, enabled_ns, running_ns;
            } reading;
            if (read(c->fds[thread][event], &reading, sizeof reading) != sizeof reading ||
                reading.enabled_ns != reading.running_ns)
                return -EIO;
            sums[event] += reading.count;
        }
    }
    return 0;
}
