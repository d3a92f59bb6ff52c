// SPDX-License-Identifier: Apache-2.0
/*
 * What an upstream's error means in plain words, and what to do. docs/troubleshooting.md has the
 * same sentences; a test holds it to this table.
 */
#ifndef CONSOLE_ADVICE_H
#define CONSOLE_ADVICE_H

#include "base/err.h"

struct advice {
    const char *service;   /* "GameLift", "AGS"; NULL: any */
    const char *operation; /* NULL: any */
    const char *type;      /* name of the error, or of our code for one without an answer */
    const char *meaning;
    const char *action; /* NULL: an answer that the service reckons with, and no trouble */
    bool urgent;        /* will not go away by itself */
};

extern const struct advice advice_rows[];
extern const size_t advice_n_rows;

/* The row of an error; never NULL: a last one fits everything. */
const struct advice *advice_for(struct str service, struct str operation, struct str type);

#endif
