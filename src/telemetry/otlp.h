// SPDX-License-Identifier: Apache-2.0
/*
 * Spans as OTLP's JSON, an ExportTraceServiceRequest:
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
#ifndef TELEMETRY_OTLP_H
#define TELEMETRY_OTLP_H

#include "telemetry/trace_format.h"

extern const struct trace_format otlp_format;

#endif
