// SPDX-License-Identifier: Apache-2.0
/* The lines that are logged between two points of a test. */
#ifndef UNIT_LOG_CAPTURE_H
#define UNIT_LOG_CAPTURE_H

#include "base/log.h"
#include "unit/unit.h"

#include <unistd.h>

static int log_capture_pipe[2];
static char log_capture_text[65536]; /* as much as a pipe holds */

static inline void log_capture_begin(enum log_level level) {
    log_stop(1000);
    assert_int_equal(pipe(log_capture_pipe), 0);
    log_start(level, log_capture_pipe[1]);
}

/* What was logged, until the next capture. */
static inline const char *log_capture_end(void) {
    size_t n = 0;
    log_stop(5000);
    close(log_capture_pipe[1]);
    for (ssize_t got; (got = read(log_capture_pipe[0], log_capture_text + n,
                                  sizeof log_capture_text - 1 - n)) > 0;)
        n += (size_t)got;
    close(log_capture_pipe[0]);
    log_capture_text[n] = '\0';
    return log_capture_text;
}

/* The one line with that text; fails the test if there is none, or another one. */
static inline const char *log_capture_line(const char *log, const char *with) {
    static char line[16384];
    const char *at = strstr(log, with);
    if (at == NULL || strstr(at + 1, with) != NULL)
        fail_msg("not exactly one line has %s:\n%s", with, log);
    const char *begin = at;
    while (begin > log && begin[-1] != '\n')
        begin--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(begin, "\n"), begin);
    return line;
}

#define assert_in_line(line, text)                                                                 \
    do {                                                                                           \
        if (strstr((line), (text)) == NULL)                                                        \
            fail_msg("%s\nlacks %s", (line), (text));                                              \
    } while (0)

#endif
