// SPDX-License-Identifier: Apache-2.0
/*
 * OpenTelemetry's variables, as far as traces have any, from the environment. Unlike the service's
 * own settings a wrong one stops nothing: it is warned about and its default holds.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
#ifndef TELEMETRY_TRACE_SETTINGS_H
#define TELEMETRY_TRACE_SETTINGS_H

#include "base/log.h"
#include "base/secret.h"
#include "telemetry/trace_pairs.h"

#include <stdio.h>

enum trace_export { TRACE_EXPORT_NONE, TRACE_EXPORT_ZIPKIN, TRACE_EXPORT_OTLP };

enum trace_sampler { TRACE_SAMPLER_ON, TRACE_SAMPLER_OFF, TRACE_SAMPLER_RATIO };

#define TRACE_N_SETTINGS 21

struct trace_settings {
    enum trace_export exporter; /* NONE: nothing is recorded */
    struct str endpoint;        /* URL that spans are posted to; absent with NONE */
    struct secret headers;      /* for OTLP, as in the environment; they are well-formed */

    struct str service_name;
    const struct trace_pair *resource; /* attributes beside the service's name */
    size_t n_resource;

    unsigned propagators;       /* bits of enum trace_propagator */
    enum trace_sampler sampler; /* of roots, and of all if it is not parent_based */
    bool parent_based;          /* what the caller decided holds */
    double ratio;               /* 0 to 1 */

    int delay_ms;    /* spans wait for others at most this long */
    int timeout_ms;  /* of one report */
    int max_queue;   /* spans */
    int max_batch;   /* spans in one report, at most max_queue */
    int value_limit; /* characters of an attribute's value */
    int count_limit; /* attributes of a span */

    struct str_list warnings;          /* one line each; no values in them */
    struct str text[TRACE_N_SETTINGS]; /* what is in force, in the order of the table */
};

/* Reads the environment. Strings live in the arena; headers are moved out of the environment. */
void trace_settings_load(struct arena *a, struct trace_settings *ret);

/* Wipes the secrets. */
void trace_settings_clear(struct trace_settings *settings);

/* For --help: each variable with its default, range and meaning. */
void trace_settings_help(FILE *out);

/* For --print-config: NAME=value lines of what is in force, secrets as "***". */
void trace_settings_print(FILE *out, const struct trace_settings *settings);

#endif
