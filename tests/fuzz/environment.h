// SPDX-License-Identifier: Apache-2.0
/*
 * An environment that is made anew for each input. Not with setenv: that keeps every text it was
 * ever given, and the leak check would look through all of them after each input.
 */
#ifndef FUZZ_ENVIRONMENT_H
#define FUZZ_ENVIRONMENT_H

#include "base/arena.h"
#include "base/obj.h"

#include <unistd.h>

#define ENVIRONMENT_MAX 32

static char *environment[ENVIRONMENT_MAX + 1];
static size_t environment_n;

/* The memory that variables lie in may go once this was called again. */
static void environment_clear(void) {
    environment_n = 0;
    environment[0] = NULL;
    environ = environment;
}

/* Of two with the same name the first counts. No value with a NUL byte. */
static void environment_put(struct arena *a, const char *name, struct str value) {
    ASSERT(environment_n < ENVIRONMENT_MAX);
    struct str text = arena_printf(a, "%s=" STR_FMT, name, STR_ARG(value));
    environment[environment_n++] = (char *)(uintptr_t)text.p;
    environment[environment_n] = NULL;
}

#endif
