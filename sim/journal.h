// SPDX-License-Identifier: Apache-2.0
/*
 * What went over the wire: the last exchanges for GET /_sim/requests, and a block of readable text
 * per exchange on stdout for people. Signatures, tokens and secrets are cut out before anything is
 * kept.
 */
#ifndef SIM_JOURNAL_H
#define SIM_JOURNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"

#define JOURNAL_MAX 400                     /* exchanges kept */
#define JOURNAL_MAX_BODY ((size_t)32 << 10) /* bytes kept of each body */

struct sim_exchange;

struct journal {
    struct list entries; /* oldest first */
    size_t n;
    uint64_t total; /* exchanges since start or clear */
};

void journal_init(struct journal *journal);
void journal_clear(struct journal *journal);

/* The exchange is over; the oldest entry goes if there are too many. Control calls are left out. */
void journal_add(struct journal *journal, const struct sim_exchange *ex);

/* A JSON list, oldest first. */
void journal_json(const struct journal *journal, struct buf *out);

/*
 * A body that people may see: the values of known members (JSON), elements (XML) and form fields,
 * such as access_token and SecretAccessKey, are cut out. The text may be cut off or neither. In the
 * arena, or the body itself.
 */
struct str journal_redact(struct str body, struct arena *a);

/* The bodies of request and answer as text, without secrets. */
struct str journal_body(const struct sim_exchange *ex);
struct str journal_answer(const struct sim_exchange *ex);

/* The exchange as a block of text on stdout. */
void journal_print(const struct sim_exchange *ex);

/*
 * JSON for reading: on one line if short, else a line for each member of the outermost object. Text
 * that is no JSON comes out as it is, without control characters. Long strings are cut.
 */
void journal_pretty(struct str text, const char *indent, struct buf *out);

#endif
