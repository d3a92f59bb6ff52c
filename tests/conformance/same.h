// SPDX-License-Identifier: Apache-2.0
/* Whether two values of a generated shape are equal, for tests. */
#ifndef TESTS_CONFORMANCE_SAME_H
#define TESTS_CONFORMANCE_SAME_H

#include "codec/access.h"

/*
 * NULL if they are, else the path of the first member that differs, in the arena. Either side may
 * be NULL, which is absence. A map's entries may come in any order, NaN equals NaN.
 */
const char *same_value(const struct codec_shape *shape, const void *a, const void *b,
                       struct arena *arena);

#endif
