// SPDX-License-Identifier: Apache-2.0
/*
 * Every setting, from the environment alone, checked before anything starts. One table in
 * settings.c names each variable with its default, its range and its meaning; --help and
 * --print-config come from the same table.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "aws/credentials_environment.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>

struct config {
    int grpc_port;
    struct str grpc_tls_certificate_file;
    struct str grpc_tls_key_file;
    struct str grpc_tls_client_ca_file;
    int metrics_port;
    bool console_enabled;
    enum log_level log_level;
    int shutdown_delay_s;
    int shutdown_grace_s;
    int request_timeout_ms;

    bool auth_enabled;
    int refresh_interval_s;
    int auth_max_stale_s;
    bool auth_require_extend_namespace;
    struct str auth_required_resource;
    int auth_required_action;
    int roles_cache_expiration_s;

    struct aws_environment aws; /* who signs, where, and as whom: src/aws reads these */
    struct str aws_ca_bundle;
    int aws_max_attempts;

    struct str aws_alias_id_override;
    struct str aws_location_override;
    struct str aws_queue_arn_override;

    bool gamelift_wait_active;
    bool gamelift_queue_use_requested_regions;
    struct str gamelift_protocol;
    struct str gamelift_termination_mode;
    int reclaim_delay_ms;

    struct str placement_events_queue_url;
    bool placement_poll;
    struct str placement_report;
    struct str placement_namespaces;
    struct str placement_topic_arns;
    int placement_max_in_flight;
    int placement_visibility_timeout_s;
    int placement_retry_max_ms;

    struct str ab_base_url;
    struct str ab_client_id;
    struct secret ab_client_secret;
    struct str ab_namespace;
};

/*
 * Reads the environment; strings live in the arena. Secrets are moved out of the environment, so
 * that neither a child process nor /proc shows them. An error is one line that names the variable
 * and says how to mend it. Empty is unset, as in the AWS SDKs.
 */
struct err *config_load(struct arena *a, struct config *ret) MUST_CHECK;

/* Wipes the secrets. */
void config_clear(struct config *config);

/* The table, for people: each variable with its default and meaning. */
void config_help(FILE *out);

/* What is in force, one NAME=value a line, secrets as "***". */
void config_print(FILE *out, const struct config *config);

#endif
