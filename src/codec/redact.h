// SPDX-License-Identifier: Apache-2.0
/* A struct as one line for the log: sensitive members print as "***", long ones are cut. */
#ifndef CODEC_REDACT_H
#define CODEC_REDACT_H

#include "base/buf.h"
#include "codec/shape.h"

/* Appends JSON; never fails, but stops with the buffer's sticky mark when that is full. */
void codec_redact(struct buf *out, const struct codec_shape *shape, const void *value);

#endif
