// SPDX-License-Identifier: Apache-2.0
#include "telemetry/process_metrics.h"

#include "base/obj.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* One process, one set. */
static struct {
    struct metric *cpu;
    struct metric *open_fds;
    struct metric *max_fds;
    struct metric *virtual_memory;
    struct metric *virtual_memory_max;
    struct metric *resident_memory;
    struct metric *start_time;
    struct metric *threads;
} series;

static double open_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    double n = 0;
    if (dir == NULL)
        return (double)NAN;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n - 3; /* ".", ".." and the directory itself */
}

static double limit_of(__rlimit_resource_t resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return (double)NAN;
    return limit.rlim_cur == RLIM_INFINITY ? (double)INFINITY : (double)limit.rlim_cur;
}

/* Fields of /proc/self/stat behind the name, which may itself hold blanks and brackets. */
static void read_stat(void) {
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    if (f == NULL)
        return;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    unsigned long long threads;
    unsigned long long start;
    unsigned long long vsize;
    long long rss;
    /* 3 state ... 20 num_threads, 21, 22 starttime, 23 vsize, 24 rss: see proc(5) */
    if (p == NULL || sscanf(p + 2,
                            "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                            "%llu %*d %llu %llu %lld",
                            &threads, &start, &vsize, &rss) != 4)
        return;
    metric_set(series.threads, (double)threads);
    metric_set(series.virtual_memory, (double)vsize);
    metric_set(series.resident_memory, (double)rss * (double)sysconf(_SC_PAGESIZE));
    struct timespec boot;
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    double booted_at =
        (double)(now.tv_sec - boot.tv_sec) + (double)(now.tv_nsec - boot.tv_nsec) / 1e9;
    metric_set(series.start_time, booted_at + (double)start / (double)sysconf(_SC_CLK_TCK));
}

static void collect(void *priv) {
    struct rusage usage;
    (void)priv;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metric_set(series.cpu, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    metric_set(series.open_fds, open_descriptors());
    metric_set(series.max_fds, limit_of(RLIMIT_NOFILE));
    metric_set(series.virtual_memory_max, limit_of(RLIMIT_AS));
    read_stat();
}

static struct metric *single(struct metrics *metrics, enum metric_type type, const char *name,
                             const char *help) {
    return metric_of(metrics_family(metrics, type, name, help, NULL));
}

void process_metrics_add(struct metrics *metrics) {
    series.cpu = single(metrics, METRIC_COUNTER, "process_cpu_seconds_total",
                        "Total user and system CPU time spent in seconds.");
    series.open_fds =
        single(metrics, METRIC_GAUGE, "process_open_fds", "Number of open file descriptors.");
    series.max_fds = single(metrics, METRIC_GAUGE, "process_max_fds",
                            "Maximum number of open file descriptors.");
    series.virtual_memory = single(metrics, METRIC_GAUGE, "process_virtual_memory_bytes",
                                   "Virtual memory size in bytes.");
    series.virtual_memory_max = single(metrics, METRIC_GAUGE, "process_virtual_memory_max_bytes",
                                       "Maximum amount of virtual memory available in bytes.");
    series.resident_memory = single(metrics, METRIC_GAUGE, "process_resident_memory_bytes",
                                    "Resident memory size in bytes.");
    series.start_time = single(metrics, METRIC_GAUGE, "process_start_time_seconds",
                               "Start time of the process since unix epoch in seconds.");
    series.threads = single(metrics, METRIC_GAUGE, "process_threads", "Number of threads.");
    metrics_on_collect(metrics, collect, NULL);
}
