// SPDX-License-Identifier: Apache-2.0
/*
 * One JSON object per line on stdout: time, level, msg, the fields of the log context, the fields
 * of the line. Never blocks: a line goes into a bounded queue that a thread of its own writes out;
 * when stdout stalls and the queue is full, lines are dropped and counted.
 *
 * src/base, src/http, src/grpc and src/aws log at DEBUG only; the layer that decides, logs. Secrets
 * have the type struct secret, which no macro here accepts.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_OFF };

/* Fields common to the lines of one call. NULL is a fine context: no common fields. */
struct log;

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_RAW, LOG_KIND_ERR } kind;
    struct str s;
    int64_t i;
    const struct err *err;
};

#define LOG_STR(k, v)                                                                              \
    { .key = (k), .kind = LOG_KIND_STR, .s = (v) }
#define LOG_CSTR(k, v)                                                                             \
    { .key = (k), .kind = LOG_KIND_STR, .s = str_c(v) }
#define LOG_INT(k, v)                                                                              \
    { .key = (k), .kind = LOG_KIND_INT, .i = (int64_t)(v) }
/* v is JSON already. */
#define LOG_RAW(k, v)                                                                              \
    { .key = (k), .kind = LOG_KIND_RAW, .s = (v) }
/* The error as fields error, grpc.code, and what else it carries. */
#define LOG_ERR(e)                                                                                 \
    { .key = "error", .kind = LOG_KIND_ERR, .err = (e) }

#define LOG_AT(level, log, msg, ...)                                                               \
    do {                                                                                           \
        if (log_enabled(level))                                                                    \
            log_write((log), (level), (msg), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)
#define LOG_DEBUG(log, ...) LOG_AT(LOG_LEVEL_DEBUG, log, __VA_ARGS__)
#define LOG_INFO(log, ...) LOG_AT(LOG_LEVEL_INFO, log, __VA_ARGS__)
#define LOG_WARN(log, ...) LOG_AT(LOG_LEVEL_WARN, log, __VA_ARGS__)
#define LOG_ERROR(log, ...) LOG_AT(LOG_LEVEL_ERROR, log, __VA_ARGS__)

/* Starts the writer. Before it, and after log_stop, lines are written at once. */
void log_start(enum log_level level, int fd);

/* Writes out what is queued, waiting at most timeout_ms, and ends the writer. */
void log_stop(int timeout_ms);

bool log_enabled(enum log_level level);

/* "debug", "info", "warn" or "warning", "error", "off", in any case; false if it is none of them.
 */
bool log_level_parse(struct str name, enum log_level *ret);

/* Any thread. fields ends with an entry whose key is NULL. */
void log_write(const struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields);

/* A context in the arena with the parent's fields (may be NULL) and these. */
struct log *log_with(struct arena *a, const struct log *parent, const struct log_field *fields);
#define LOG_WITH(a, parent, ...) log_with((a), (parent), (struct log_field[]){__VA_ARGS__, {0}})

/* Lines lost because stdout stalled. */
uint64_t log_dropped(void);

#endif
