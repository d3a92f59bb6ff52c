// SPDX-License-Identifier: Apache-2.0
#ifndef EVERYTHING_EVERYTHING_HANDLERS_H
#define EVERYTHING_EVERYTHING_HANDLERS_H

#include "everything.h"
#include "plain.h"

/* For tests to look at. */
struct everything_service {
    uint64_t repeated;  /* things that Repeat has sent */
    uint64_t cancelled; /* streams that ended with their caller's leaving */
};

extern const struct everything_mirror_handlers everything_mirror;
extern const struct everything_second_handlers everything_second;
extern const struct everything_idle_handlers everything_idle;
extern const struct plain_plain_service_handlers everything_plain;

#endif
