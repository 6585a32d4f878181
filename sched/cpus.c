#define _GNU_SOURCE
#include "sched/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPUS_MAX = 8192, PATH_SIZE = 4096 };

/* The affinity mask; NULL: no memory, or more CPUs than we can count. */
static cpu_set_t *affinity(void)
{
    cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
    if (set != NULL && sched_getaffinity(0, CPU_ALLOC_SIZE(CPUS_MAX), set) != 0) {
        CPU_FREE(set);
        return NULL;
    }
    return set;
}

/* Two numbers from a file such as cpu.max; "max" reads as no number. Returns how many it got. */
static int read_numbers(const char *path, double *first, double *second)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    int count = fscanf(file, "%lf %lf", first, second);
    fclose(file);
    return count < 0 ? 0 : count;
}

/* CPUs' worth of time by the quota of one cgroup directory, version 2 or 1; 0: no limit. */
static double quota_of(const char *directory)
{
    char path[PATH_SIZE + 64];
    double quota = 0, period = 0, unused;
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    if (read_numbers(path, &quota, &period) == 2 && quota > 0 && period > 0)
        return quota / period;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
    if (read_numbers(path, &quota, &unused) < 1 || quota <= 0)
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
    return read_numbers(path, &period, &unused) >= 1 && period > 0 ? quota / period : 0;
}

/* The smallest quota on the way from a cgroup up to the root of its hierarchy. Cuts `path` down. */
static double smallest_quota(char *path, size_t root_length)
{
    double smallest = 0;
    for (;;) {
        double quota = quota_of(path);
        if (quota > 0 && (smallest == 0 || quota < smallest))
            smallest = quota;
        char *slash = strrchr(path, '/');
        if (strlen(path) <= root_length || slash == NULL)
            return smallest;
        *slash = '\0';
    }
}

/* The cgroup of this process that limits its CPU time: version 2 ("0::/path") or version 1's cpu controller. */
static double cgroup_quota(void)
{
    char line[PATH_SIZE], path[PATH_SIZE + 32];
    double smallest = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *name = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (name == NULL)
            continue;
        *name++ = '\0';
        bool unified = controllers[1] == '\0';
        if (!unified && strstr(controllers, "cpu") == NULL)
            continue;
        const char *root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
        snprintf(path, sizeof path, "%s%s", root, strcmp(name, "/") == 0 ? "" : name);
        double quota = smallest_quota(path, strlen(root));
        if (quota > 0 && (smallest == 0 || quota < smallest))
            smallest = quota;
    }
    fclose(file);
    return smallest;
}

unsigned pawl__cpus_allowed(void)
{
    cpu_set_t *set = affinity();
    unsigned count = 1;
    if (set != NULL) {
        count = (unsigned)CPU_COUNT_S(CPU_ALLOC_SIZE(CPUS_MAX), set);
        CPU_FREE(set);
    }
    double quota = cgroup_quota();
    if (quota > 0 && quota < count) {
        unsigned whole = (unsigned)quota;
        count = whole < quota ? whole + 1 : whole;
    }
    return count == 0 ? 1 : count;
}

void pawl__cpus_pin(pthread_t thread, unsigned index)
{
    cpu_set_t *set = affinity();
    if (set == NULL)
        return;
    size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
    int count = CPU_COUNT_S(size, set), wanted = count == 0 ? -1 : (int)(index % (unsigned)count);
    for (int cpu = 0, seen = 0; cpu < CPUS_MAX && seen <= wanted; cpu++) {
        if (!CPU_ISSET_S((size_t)cpu, size, set) || seen++ != wanted)
            continue;
        CPU_ZERO_S(size, set);
        CPU_SET_S((size_t)cpu, size, set);
        pthread_setaffinity_np(thread, size, set); /* a failure leaves it unpinned, which is slower, not wrong */
        break;
    }
    CPU_FREE(set);
}
