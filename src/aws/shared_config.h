// SPDX-License-Identifier: Apache-2.0
/*
 * The files that the AWS tools share, ~/.aws/config and ~/.aws/credentials: profiles, and services
 * sections with endpoints. Read once, looked up by profile and key.
 *
 *     [profile game]                 [services local]
 *     region = eu-west-1             gamelift =
 *     services = local                 endpoint_url = http://localhost:4566
 *
 * In the config file a profile is [default] or [profile NAME]; bare names are something else's and
 * skipped. In the credentials file every section is a profile. Names may be quoted. The same
 * profile in both files is one, and the credentials file wins. What a key has twice, the last one
 * counts. Keys are compared without case. A line that starts with # or ; is a comment, and so is
 * the rest of a line after a blank and # or ;, except in credential_process. "=" and ":" both end a
 * key. A line indented deeper than the key above it is nested if that key has no value, else it
 * continues the value. Text that is neither is an error with its line number and never its content.
 *
 * Format: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#ifndef AWS_SHARED_CONFIG_H
#define AWS_SHARED_CONFIG_H

#include "aws/credentials_environment.h"
#include "base/err.h"

#define SHARED_CONFIG_MAX ((size_t)1 << 20) /* bytes of one file */
#define SHARED_CONFIG_MAX_KEYS 10000        /* in both files; more is an error */

struct shared_config;

enum shared_config_file { SHARED_CONFIG_CONFIG, SHARED_CONFIG_CREDENTIALS };

/* One file. An absent text is a file that is not there. */
struct shared_config_text {
    struct str text;  /* copied */
    const char *name; /* for messages: "~/.aws/config" */
};

/* Either may be NULL. The result is the caller's. */
struct err *shared_config_parse(struct arena *a, const struct shared_config_text *config,
                                const struct shared_config_text *credentials,
                                struct shared_config **ret) MUST_CHECK;

/*
 * The files of AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else those in HOME's .aws. A
 * leading "~/" is HOME. A file that is not there is an empty one, and so is one in HOME that may
 * not be read: a container often runs as somebody else than HOME's owner.
 */
struct err *shared_config_load(struct arena *a, const struct aws_environment *env,
                               struct shared_config **ret) MUST_CHECK;

/* Wipes the texts, which hold secrets. NULL is fine. */
void shared_config_free(struct shared_config *config);

/* For all below: config may be NULL (no files); what is returned lives with it. */

bool shared_config_has_profile(const struct shared_config *config, struct str profile);

/* Absent if the profile or the key is not there; an empty value counts as absent. */
struct str shared_config_lookup(const struct shared_config *config, struct str profile,
                                const char *key);

/* The same in one of the files only: a key id, secret and token must come from one place. */
struct str shared_config_lookup_in(const struct shared_config *config, enum shared_config_file file,
                                   struct str profile, const char *key);

/*
 * The key of a service in the section that the profile names with "services = NAME"; service is
 * the id in lower case, "gamelift". Absent if nothing is configured. An error if the section that
 * the profile names does not exist.
 */
struct err *shared_config_service(const struct shared_config *config, struct arena *a,
                                  struct str profile, const char *service, const char *key,
                                  struct str *ret) MUST_CHECK;

#endif
