// SPDX-License-Identifier: Apache-2.0
/* Spans as Zipkin's v2 JSON: https://zipkin.io/zipkin-api/#/default/post_spans */
#ifndef TELEMETRY_ZIPKIN_H
#define TELEMETRY_ZIPKIN_H

#include "telemetry/trace_format.h"

extern const struct trace_format zipkin_format;

#endif
