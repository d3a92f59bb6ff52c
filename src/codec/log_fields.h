// SPDX-License-Identifier: Apache-2.0
#ifndef CODEC_LOG_FIELDS_H
#define CODEC_LOG_FIELDS_H

#include "base/buf.h"

/*
 * What the log has of a generated struct before its own fields. type is its name in the IDL, value
 * the struct. Appends "name":value to a JSON object, with commas between but not behind, or
 * nothing. Comes from codegen/templates/log_fields.j2.
 */
typedef void codec_log_fields_fn(struct buf *out, const char *type, const void *value);

#endif
