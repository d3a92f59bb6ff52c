// SPDX-License-Identifier: Apache-2.0
/*
 * Which region, and which endpoint overrides, are configured: the environment first, then the
 * profile. The result is what endpoint_resolve takes.
 */
#ifndef AWS_REGION_H
#define AWS_REGION_H

#include "aws/endpoint.h"
#include "aws/shared_config.h"

/*
 * AWS_REGION, else AWS_DEFAULT_REGION, else the profile's region; absent if there is none. config
 * may be NULL. Lives as long as both.
 */
struct str aws_region_find(const struct aws_environment *env, const struct shared_config *config);

/*
 * The settings of a service ("gamelift" or "sts") in a region: AWS_ENDPOINT_URL_<SERVICE>, else
 * AWS_ENDPOINT_URL, else the service's endpoint_url in the profile's services section, else the
 * profile's endpoint_url; FIPS, dual-stack and ignoring all overrides likewise. Texts are views
 * into env and config. An error names the setting: a switch that is neither true nor false, or a
 * services section that does not exist.
 */
struct err *aws_endpoint_settings(struct arena *a, const struct aws_environment *env,
                                  const struct shared_config *config, struct str service,
                                  struct str region, struct endpoint_settings *ret) MUST_CHECK;

/*
 * A switch from the environment, else from the profile's key (NULL: none): true or false in any
 * case, unset is false.
 */
struct err *aws_switch(struct arena *a, const struct aws_environment *env,
                       const struct shared_config *config, const char *name, struct str value,
                       const char *key, bool *ret) MUST_CHECK;

#endif
