// SPDX-License-Identifier: Apache-2.0
/* The service of streams.proto: one handler of each kind, with counters for tests to look at. */
#ifndef STREAMS_STREAM_HANDLERS_H
#define STREAMS_STREAM_HANDLERS_H

#include "base/loop.h"
#include "generated/streams.h"

#include <stdatomic.h>

struct streams_service {
    struct loop *loop;
    atomic_size_t counted;   /* pieces that Count has sent */
    atomic_size_t cancelled; /* calls that ended with their caller's leaving or deadline */
    atomic_size_t open;      /* calls that stream and have not ended */
};

extern const struct streams_streams_handlers stream_handlers;

#endif
