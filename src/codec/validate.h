// SPDX-License-Identifier: Apache-2.0
/* The model's constraints (required, length, range, pattern, enum) checked before anything is sent.
 */
#ifndef CODEC_VALIDATE_H
#define CODEC_VALIDATE_H

#include "base/err.h"
#include "codec/shape.h"

/*
 * NULL if every constraint holds; else INVALID_ARGUMENT with err->field set to the member's path
 * ("GameProperties[2].Value"), err->detail to the rule alone, and a message of both; never the
 * value.
 */
struct err *codec_validate(const struct codec_shape *shape, const void *value,
                           struct arena *a) MUST_CHECK;

#endif
