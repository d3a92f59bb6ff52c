// SPDX-License-Identifier: Apache-2.0
/* A struct as one line for the log: sensitive members print as "***", long ones are cut. */
#ifndef CODEC_REDACT_H
#define CODEC_REDACT_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/shape.h"

/*
 * Appends JSON; never fails, but stops with the buffer's sticky mark when that is full. Once
 * CODEC_REDACTED_BYTES are written, what is left shows as "...": the text is always whole JSON, and
 * at most CODEC_REDACTED_MAX bytes long.
 */
#define CODEC_REDACTED_BYTES ((size_t)2048)
#define CODEC_REDACTED_MAX ((size_t)8192)
void codec_redact(struct buf *out, const struct codec_shape *shape, const void *value);

/* The same as text in the arena. shape may be NULL: absent then. */
struct str codec_redacted(struct arena *a, const struct codec_shape *shape, const void *value);

#endif
