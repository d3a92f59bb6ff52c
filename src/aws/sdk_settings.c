// SPDX-License-Identifier: Apache-2.0
#include "aws/sdk_settings.h"

#include "base/buf.h"

#include <sys/utsname.h>

#define APP_ID_MAX 50      /* characters; AWS logs no more */
#define USER_AGENT_MAX 512 /* bytes */

static struct err *wrong(struct arena *a, const char *name, const char *rule) {
    struct err *err = ERR_INVALID(a, "%s %s", name, rule);
    err->field = str_c(name);
    return err;
}

/* The environment's value, else the profile's; *ret_name is how it is called where it was found. */
static struct str find(const struct aws_environment *env, const struct shared_config *config,
                       struct str value, const char *name, const char *key, const char **ret_name) {
    *ret_name = name;
    if (!str_empty(value))
        return value;
    *ret_name = key;
    return shared_config_lookup(config, aws_profile_name(env), key);
}

/* AWS_MAX_ATTEMPTS itself is checked with the other settings. */
static struct err *read_attempts(struct arena *a, const struct aws_environment *env,
                                 const struct shared_config *config, int *max_attempts) {
    if (!str_empty(env->max_attempts))
        return NULL;
    struct str text = shared_config_lookup(config, aws_profile_name(env), "max_attempts");
    if (str_empty(text))
        return NULL;
    int n = 0;
    for (size_t i = 0; i < text.n && n <= AWS_MAX_ATTEMPTS_MAX; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return wrong(a, "max_attempts", "of the AWS profile must be a number from 1 to 10");
        n = n * 10 + text.p[i] - '0';
    }
    if (n < 1 || n > AWS_MAX_ATTEMPTS_MAX)
        return wrong(a, "max_attempts", "of the AWS profile must be a number from 1 to 10");
    *max_attempts = n;
    return NULL;
}

static struct err *read_mode(struct arena *a, const struct aws_environment *env,
                             const struct shared_config *config, struct str *ret_other) {
    const char *name;
    struct str mode = find(env, config, env->retry_mode, "AWS_RETRY_MODE", "retry_mode", &name);
    *ret_other = STR_NULL;
    if (str_empty(mode) || str_eq_nocase(mode, STR("standard")))
        return NULL;
    if (!str_eq_nocase(mode, STR("adaptive")) && !str_eq_nocase(mode, STR("legacy")))
        return wrong(a, name, "must be standard; adaptive and legacy are taken as standard");
    *ret_other = arena_str(a, mode);
    return NULL;
}

/* ---- how we call ourselves ---- */

/* One value of the grammar; what it does not allow becomes a hyphen. */
static void put_value(struct buf *b, struct str value) {
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (c != '\0' && strchr("!$%&'*+-.^_`|~", c) != NULL);
        buf_putc(b, allowed ? c : '-');
    }
}

/* What is used of an SDK's features, in AWS's own letters. */
static void put_features(struct buf *b, const struct aws_user_agent *agent) {
    buf_puts(b, " m/E");
    if (agent->overridden)
        buf_puts(b, ",N");
    for (size_t i = 0; i < agent->credentials.n; i++) {
        buf_putc(b, ',');
        buf_putc(b, agent->credentials.p[i]);
    }
}

struct str aws_user_agent(struct arena *a, const struct aws_user_agent *agent) {
    struct utsname system = {.release = "", .machine = ""};
    struct buf b;
    buf_init(&b, USER_AGENT_MAX);
    (void)uname(&system);
    buf_putstr(&b, agent->product);
    buf_puts(&b, " ua/2.1 os/linux#");
    put_value(&b, str_utf8_cut(str_c(system.release), 64));
    buf_puts(&b, " md/arch#");
    put_value(&b, str_utf8_cut(str_c(system.machine), 32));
    buf_puts(&b, " lang/c api/gamelift");
    if (!str_empty(agent->execution_env)) {
        buf_puts(&b, " exec-env/");
        put_value(&b, str_utf8_cut(agent->execution_env, 64));
    }
    put_features(&b, agent);
    buf_puts(&b, " cfg/retry-mode#standard");
    if (!str_empty(agent->app_id)) {
        buf_puts(&b, " app/");
        put_value(&b, agent->app_id);
    }
    struct str made = arena_str(a, buf_str(&b));
    buf_free(&b);
    return made;
}

/* ---- all of it ---- */

struct err *aws_sdk_settings(struct arena *a, const struct aws_environment *env,
                             const struct shared_config *config, int max_attempts,
                             struct aws_sdk_settings *ret) {
    struct aws_sdk_settings s = {.max_attempts = max_attempts};
    const char *name;
    struct err *err = read_attempts(a, env, config, &s.max_attempts);
    if (err == NULL)
        err = read_mode(a, env, config, &s.other_mode);
    if (err == NULL)
        err = aws_switch(a, env, config, "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
                         env->disable_skew_correction, "disable_clock_skew_correction",
                         &s.without_skew);
    struct str app_id = find(env, config, env->app_id, "AWS_SDK_UA_APP_ID", "sdk_ua_app_id", &name);
    if (err == NULL && app_id.n > APP_ID_MAX)
        err = wrong(a, name, "must have 50 characters at most");
    if (err != NULL)
        return err;
    s.app_id = arena_str(a, app_id);
    *ret = s;
    return NULL;
}
