// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_profile.h"

#include "aws/credentials_container.h"
#include "aws/credentials_instance.h"
#include "aws/credentials_process.h"
#include "aws/credentials_role.h"
#include "base/obj.h"

/* The profiles whose roles are being followed, the first one first. */
struct visit {
    struct aws_plan *plan;
    struct str seen[AWS_PROFILE_MAX_ROLES];
    size_t n;
};

static struct str named(const struct aws_plan *plan, struct str profile) {
    return arena_printf(plan->errors, "AWS profile \"" STR_FMT "\"",
                        STR_ARG(aws_shown(plan->errors, profile)));
}

static struct err *refuse(const struct aws_plan *plan, struct str profile, const char *why) {
    return ERR_INVALID(plan->errors, STR_FMT ": %s", STR_ARG(named(plan, profile)), why);
}

static struct str get(const struct aws_plan *plan, struct str profile, const char *key) {
    return shared_config_lookup(plan->config, profile, key);
}

/* ---- keys ---- */

static bool has_keys_in(const struct aws_plan *plan, enum shared_config_file file,
                        struct str profile) {
    return shared_config_lookup_in(plan->config, file, profile, "aws_access_key_id").p != NULL ||
           shared_config_lookup_in(plan->config, file, profile, "aws_secret_access_key").p != NULL;
}

static bool has_keys(const struct aws_plan *plan, struct str profile) {
    return has_keys_in(plan, SHARED_CONFIG_CREDENTIALS, profile) ||
           has_keys_in(plan, SHARED_CONFIG_CONFIG, profile);
}

/* All three from one file: a token of one file does not belong to the key of the other. */
static struct err *keys_source(struct aws_plan *plan, enum shared_config_file file,
                               struct str profile, struct aws_credentials_source **ret) {
    static const char *const names[] = {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    };
    struct str v[3];
    struct aws_credentials creds;
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = shared_config_lookup_in(plan->config, file, profile, names[i]);
    struct err *err =
        aws_credentials_init(&creds, plan->errors, names, v[0], v[1], v[2], AWS_CREDENTIALS_NEVER);
    if (err != NULL)
        return aws_source_err(plan->errors, named(plan, profile), err);
    aws_plan_uses(plan, "n");
    *ret = aws_source_fixed(plan->arena, &creds);
    return NULL;
}

/* ---- roles ---- */

static struct err *resolve(struct visit *v, struct str profile, bool as_source,
                           struct aws_credentials_source **ret);

static struct err *read_role(struct aws_plan *plan, struct str profile, struct sts_role *ret) {
    int64_t duration = 0;
    struct str text = get(plan, profile, "duration_seconds");
    if (!str_empty(text) && (!str_to_int64(text, &duration) || duration < 900 || duration > 43200))
        return refuse(plan, profile, "duration_seconds must be a number from 900 to 43200");
    *ret = (struct sts_role){
        .arn = get(plan, profile, "role_arn"),
        .session_name = get(plan, profile, "role_session_name"),
        .external_id = get(plan, profile, "external_id"),
        .duration_s = (int)duration,
    };
    return NULL;
}

static struct err *named_source(struct aws_plan *plan, struct str profile, struct str name,
                                struct aws_credentials_source **ret) {
    struct err *err;
    *ret = NULL;
    if (str_eq_nocase(name, STR("Environment")))
        err = aws_source_environment(plan, ret);
    else if (str_eq_nocase(name, STR("EcsContainer")))
        err = aws_source_container(plan, ret);
    else if (str_eq_nocase(name, STR("Ec2InstanceMetadata")))
        err = aws_source_instance(plan, ret);
    else
        return refuse(plan, profile,
                      "credential_source must be Environment, EcsContainer or Ec2InstanceMetadata");
    if (err != NULL)
        return aws_source_err(plan->errors, named(plan, profile), err);
    if (*ret == NULL)
        return refuse(plan, profile, "its credential_source has no credentials here");
    return NULL;
}

static struct err *check_source_profile(struct visit *v, struct str profile, struct str source) {
    struct aws_plan *plan = v->plan;
    if (!shared_config_has_profile(plan->config, source))
        return refuse(plan, profile, "its source_profile does not exist");
    if (str_eq(source, profile) && has_keys(plan, source))
        return NULL;
    for (size_t i = 0; i < v->n; i++)
        if (str_eq(v->seen[i], source))
            return refuse(plan, profile, "its source_profile leads back to itself");
    if (v->n == ARRAY_LEN(v->seen))
        return refuse(plan, profile, "too many roles are chained by source_profile");
    return NULL;
}

static struct err *role_source(struct visit *v, struct str profile,
                               struct aws_credentials_source **ret) {
    struct aws_plan *plan = v->plan;
    struct str source = get(plan, profile, "source_profile");
    struct str where = get(plan, profile, "credential_source");
    struct aws_credentials_source *from = NULL;
    struct sts_role role;
    struct err *err;
    if ((source.p == NULL) == (where.p == NULL))
        return refuse(plan, profile,
                      "role_arn needs either source_profile or credential_source, and not both");
    if (get(plan, profile, "mfa_serial").p != NULL)
        return refuse(plan, profile, "mfa_serial: a service has nobody to ask for a code");
    if ((err = read_role(plan, profile, &role)) != NULL)
        return err;
    aws_plan_uses(plan, where.p != NULL ? "p" : "o");
    if (where.p != NULL) {
        err = named_source(plan, profile, where, &from);
    } else {
        if (v->n < ARRAY_LEN(v->seen))
            v->seen[v->n++] = profile;
        err = check_source_profile(v, profile, source);
        if (err == NULL)
            err = resolve(v, source, true, &from);
    }
    if (err != NULL)
        return err;
    return aws_source_role(plan, named(plan, profile), &role, from, ret);
}

static struct err *web_identity_source(struct aws_plan *plan, struct str profile, struct str file,
                                       struct aws_credentials_source **ret) {
    struct sts_role role;
    if (get(plan, profile, "role_arn").p == NULL)
        return refuse(plan, profile, "web_identity_token_file needs a role_arn");
    struct err *err = read_role(plan, profile, &role);
    if (err != NULL)
        return err;
    aws_plan_uses(plan, "q");
    return aws_source_web_identity(plan, named(plan, profile), &role, file, ret);
}

/* ---- the order ---- */

/* Named, so that nobody wonders why a profile that works elsewhere counts for nothing here. */
static struct err *check_unsupported(const struct aws_plan *plan, struct str profile) {
    static const char *const keys[] = {"sso_session", "sso_start_url", "login_session"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (get(plan, profile, keys[i]).p != NULL)
            return refuse(plan, profile,
                          arena_printf(plan->errors,
                                       "%s is not supported: a service cannot log in in a browser",
                                       keys[i])
                              .p);
    return NULL;
}

static struct err *resolve(struct visit *v, struct str profile, bool as_source,
                           struct aws_credentials_source **ret) {
    struct aws_plan *plan = v->plan;
    struct str token_file = get(plan, profile, "web_identity_token_file");
    struct str command = get(plan, profile, "credential_process");
    bool role = get(plan, profile, "role_arn").p != NULL && token_file.p == NULL;
    *ret = NULL;
    if (role && !(as_source && has_keys(plan, profile)))
        return role_source(v, profile, ret);
    if (token_file.p != NULL)
        return web_identity_source(plan, profile, token_file, ret);
    if (has_keys_in(plan, SHARED_CONFIG_CREDENTIALS, profile))
        return keys_source(plan, SHARED_CONFIG_CREDENTIALS, profile, ret);
    if (command.p != NULL) {
        aws_plan_uses(plan, "v");
        return aws_source_process(plan,
                                  arena_printf(plan->errors, "credential_process of " STR_FMT,
                                               STR_ARG(named(plan, profile))),
                                  command, 0, ret);
    }
    if (has_keys_in(plan, SHARED_CONFIG_CONFIG, profile))
        return keys_source(plan, SHARED_CONFIG_CONFIG, profile, ret);
    struct err *err = check_unsupported(plan, profile);
    if (err == NULL && as_source)
        err = refuse(plan, profile, "is a source_profile, but has no credentials");
    return err;
}

struct err *aws_source_profile(struct aws_plan *plan, struct str profile,
                               struct aws_credentials_source **ret) {
    struct visit v = {.plan = plan};
    return resolve(&v, profile, false, ret);
}
