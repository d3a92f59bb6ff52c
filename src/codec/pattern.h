// SPDX-License-Identifier: Apache-2.0
/* The model's regular expressions, on PCRE2: AWS writes them for Java and Python, not for POSIX.
 * The generator knows the simplest of them, which are compared with a set of characters. */
#ifndef CODEC_PATTERN_H
#define CODEC_PATTERN_H

#include "codec/shape.h"

/*
 * True if the pattern is found in the text (valid UTF-8). Compiled at its first use and kept for
 * good; any thread. Work is bounded: a match that takes too long counts as not found. A pattern
 * that PCRE2 does not understand matches everything: the service is the judge then.
 */
bool codec_pattern_matches(struct codec_pattern *pattern, struct str text);

#endif
