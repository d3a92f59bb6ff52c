// SPDX-License-Identifier: Apache-2.0
/*
 * Where an AWS service is reached: the URL of a region by AWS's endpoint rules, or an override from
 * the environment. Pure: the settings are arguments, reading the environment is the caller's.
 */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

#include "base/err.h"

struct endpoint_settings {
    struct str service; /* host prefix and signing name in one: "gamelift" */
    struct str region;
    const char *region_name; /* what messages call the region, "AWS_REGION"; NULL: "the region" */
    struct str service_url;  /* AWS_ENDPOINT_URL_<SERVICE>; empty is unset */
    struct str url;          /* AWS_ENDPOINT_URL; empty is unset; service_url wins */
    bool ignore_urls;        /* AWS_IGNORE_CONFIGURED_ENDPOINT_URLS */
    bool use_fips;           /* AWS_USE_FIPS_ENDPOINT */
    bool use_dualstack;      /* AWS_USE_DUALSTACK_ENDPOINT */
};

struct endpoint {
    struct str url;  /* "https://gamelift.us-east-1.amazonaws.com/"; ends in "/" */
    struct str host; /* the Host header: lower case, with a port if it is not the default one */
    struct str base_path; /* begins and ends with "/" */
    struct str region;    /* to sign with; differs from the setting only for FIPS pseudo regions */
    bool overridden;      /* from AWS_ENDPOINT_URL or its like */
};

/*
 * Resolves; strings are in the arena, and the result may be used for as long as that lives. Errors
 * are one line (INVALID_ARGUMENT), name the setting, here and in err->field, and never repeat a
 * URL, which may hold a password:
 * - the region is no host label (letters, digits, inner hyphens, at most 63);
 * - an override is no absolute http or https URL, or has user, query, fragment or blanks;
 * - an override together with FIPS or dual-stack: AWS's rules cannot know such a host.
 * A region of no known partition gets the URL of the standard one, as new regions must just work.
 * fips-X and X-fips are region X with FIPS.
 */
struct err *endpoint_resolve(struct arena *a, const struct endpoint_settings *in,
                             struct endpoint *ret) MUST_CHECK;

#endif
