// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "base/obj.h"

#include <inttypes.h>
#include <stdlib.h>

enum kind {
    KIND_STRING,
    KIND_SECRET,
    KIND_URL,
    KIND_INT,
    KIND_BOOL,
    KIND_LOG_LEVEL,
    KIND_CHOICE,
    KIND_AWS,
    KIND_AWS_SECRET
};

struct setting {
    const char *name;
    enum kind kind;
    size_t offset;
    bool required;
    const char *fallback; /* NULL: none */
    int min;              /* KIND_INT */
    int max;
    const char *choices[2]; /* KIND_CHOICE */
    const char *meaning;
    const char *example; /* for the message about a missing one */
};

#define AT(field) .offset = offsetof(struct config, field)

static const struct setting settings[] = {
    {.name = "GRPC_PORT",
     .kind = KIND_INT,
     AT(grpc_port),
     .fallback = "6565",
     .max = 65535,
     .meaning = "port of the gRPC server; 0 takes a free one"},
    {.name = "METRICS_PORT",
     .kind = KIND_INT,
     AT(metrics_port),
     .fallback = "8080",
     .max = 65535,
     .meaning = "port of the metrics endpoint; 0 takes a free one"},
    {.name = "LOG_LEVEL",
     .kind = KIND_LOG_LEVEL,
     AT(log_level),
     .fallback = "info",
     .meaning = "debug, info, warn, error or off"},
    {.name = "SHUTDOWN_GRACE",
     .kind = KIND_INT,
     AT(shutdown_grace_s),
     .fallback = "20",
     .max = 3600,
     .meaning = "seconds that calls in flight may take after SIGTERM"},
    {.name = "REQUEST_TIMEOUT_MS",
     .kind = KIND_INT,
     AT(request_timeout_ms),
     .fallback = "30000",
     .min = 1,
     .max = 600000,
     .meaning = "milliseconds a call may take whose caller set no deadline"},
    {.name = "PLUGIN_GRPC_SERVER_AUTH_ENABLED",
     .kind = KIND_BOOL,
     AT(auth_enabled),
     .fallback = "false",
     .meaning = "true: callers need an access token of AGS for this app"},
    {.name = "REFRESH_INTERVAL",
     .kind = KIND_INT,
     AT(refresh_interval_s),
     .fallback = "600",
     .min = 1,
     .max = 86400,
     .meaning = "seconds between fetches of AGS's keys and revocation list"},
    {.name = "AUTH_MAX_STALE",
     .kind = KIND_INT,
     AT(auth_max_stale_s),
     .fallback = "86400",
     .min = 1,
     .max = 2592000,
     .meaning = "seconds that keys and revocation list stay in use while AGS is down"},
    {.name = "AUTH_REQUIRE_EXTEND_NAMESPACE",
     .kind = KIND_BOOL,
     AT(auth_require_extend_namespace),
     .fallback = "true",
     .meaning = "false: also admit tokens without extend_namespace, as AccelByte's templates do"},
    {.name = "AUTH_REQUIRED_RESOURCE",
     .kind = KIND_STRING,
     AT(auth_required_resource),
     .meaning = "permission that a caller's token must hold, such as "
                "NAMESPACE:{namespace}:SESSION:GAME; none is asked for if it is unset"},
    {.name = "AUTH_REQUIRED_ACTION",
     .kind = KIND_INT,
     AT(auth_required_action),
     .fallback = "2",
     .min = 1,
     .max = 15,
     .meaning = "action of that permission: CREATE 1, READ 2, UPDATE 4, DELETE 8, added up"},
    /* Read by aws_environment_load; listed here to be shown. */
    {.name = "AWS_REGION",
     .kind = KIND_AWS,
     AT(aws.region),
     .meaning = "AWS region of the GameLift fleet or queue; default: the profile's"},
    {.name = "AWS_DEFAULT_REGION",
     .kind = KIND_AWS,
     AT(aws.default_region),
     .meaning = "the same, where AWS_REGION is not set"},
    {.name = "AWS_ACCESS_KEY_ID",
     .kind = KIND_AWS,
     AT(aws.access_key_id),
     .meaning =
         "AWS access key id; with the secret it wins over every other source of credentials"},
    {.name = "AWS_SECRET_ACCESS_KEY",
     .kind = KIND_AWS_SECRET,
     AT(aws.secret_access_key),
     .meaning = "AWS secret access key"},
    {.name = "AWS_SESSION_TOKEN",
     .kind = KIND_AWS_SECRET,
     AT(aws.session_token),
     .meaning = "session token of temporary AWS credentials"},
    {.name = "AWS_CREDENTIAL_EXPIRATION",
     .kind = KIND_AWS,
     AT(aws.credential_expiration),
     .meaning = "when those three expire (ISO 8601)"},
    {.name = "AWS_PROFILE",
     .kind = KIND_AWS,
     AT(aws.profile),
     .meaning = "profile of the shared config and credentials files"},
    {.name = "AWS_DEFAULT_PROFILE",
     .kind = KIND_AWS,
     AT(aws.default_profile),
     .meaning = "the same, where AWS_PROFILE is not set"},
    {.name = "AWS_CONFIG_FILE",
     .kind = KIND_AWS,
     AT(aws.config_file),
     .meaning = "shared config file; default ~/.aws/config"},
    {.name = "AWS_SHARED_CREDENTIALS_FILE",
     .kind = KIND_AWS,
     AT(aws.shared_credentials_file),
     .meaning = "shared credentials file; default ~/.aws/credentials"},
    {.name = "AWS_ROLE_ARN",
     .kind = KIND_AWS,
     AT(aws.role_arn),
     .meaning = "role to assume with a web identity token"},
    {.name = "AWS_WEB_IDENTITY_TOKEN_FILE",
     .kind = KIND_AWS,
     AT(aws.web_identity_token_file),
     .meaning = "file with that token"},
    {.name = "AWS_ROLE_SESSION_NAME",
     .kind = KIND_AWS,
     AT(aws.role_session_name),
     .meaning = "name of that role session"},
    {.name = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
     .kind = KIND_AWS,
     AT(aws.container_relative_uri),
     .meaning = "path of the ECS credentials endpoint"},
    {.name = "AWS_CONTAINER_CREDENTIALS_FULL_URI",
     .kind = KIND_AWS,
     AT(aws.container_full_uri),
     .meaning = "URL of a container credentials endpoint, such as EKS Pod Identity's"},
    {.name = "AWS_CONTAINER_AUTHORIZATION_TOKEN",
     .kind = KIND_AWS_SECRET,
     AT(aws.container_token),
     .meaning = "token for that endpoint"},
    {.name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
     .kind = KIND_AWS,
     AT(aws.container_token_file),
     .meaning = "file with that token"},
    {.name = "AWS_EC2_METADATA_DISABLED",
     .kind = KIND_AWS,
     AT(aws.metadata_disabled),
     .meaning = "true: the EC2 instance metadata service is not asked"},
    {.name = "AWS_EC2_METADATA_SERVICE_ENDPOINT",
     .kind = KIND_AWS,
     AT(aws.metadata_endpoint),
     .meaning = "where it is reached"},
    {.name = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
     .kind = KIND_AWS,
     AT(aws.metadata_endpoint_mode),
     .meaning = "IPv4 or IPv6"},
    {.name = "AWS_EC2_METADATA_V1_DISABLED",
     .kind = KIND_AWS,
     AT(aws.metadata_v1_disabled),
     .meaning = "true: only its version 2 is used"},
    {.name = "AWS_METADATA_SERVICE_TIMEOUT",
     .kind = KIND_AWS,
     AT(aws.metadata_timeout),
     .meaning = "seconds that one request to it may take; default 1"},
    {.name = "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
     .kind = KIND_AWS,
     AT(aws.metadata_attempts),
     .meaning = "tries of one request to it; default 1"},
    {.name = "AWS_ENDPOINT_URL_GAMELIFT",
     .kind = KIND_AWS,
     AT(aws.endpoint_url_gamelift),
     .meaning = "where GameLift is reached instead of AWS's own host"},
    {.name = "AWS_ENDPOINT_URL_STS",
     .kind = KIND_AWS,
     AT(aws.endpoint_url_sts),
     .meaning = "where STS is reached instead of AWS's own host"},
    {.name = "AWS_ENDPOINT_URL",
     .kind = KIND_AWS,
     AT(aws.endpoint_url),
     .meaning = "the same for every AWS service without a variable of its own"},
    {.name = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
     .kind = KIND_AWS,
     AT(aws.ignore_configured_endpoint_urls),
     .meaning = "true: the three above do not count"},
    {.name = "AWS_USE_FIPS_ENDPOINT",
     .kind = KIND_AWS,
     AT(aws.use_fips_endpoint),
     .meaning = "true: the region's FIPS endpoint"},
    {.name = "AWS_USE_DUALSTACK_ENDPOINT",
     .kind = KIND_AWS,
     AT(aws.use_dualstack_endpoint),
     .meaning = "true: the region's IPv4 and IPv6 endpoint"},
    {.name = "AWS_CA_BUNDLE",
     .kind = KIND_STRING,
     AT(aws_ca_bundle),
     .meaning = "PEM file of the certificate authorities to trust; default: the system's"},
    {.name = "AWS_MAX_ATTEMPTS",
     .kind = KIND_INT,
     AT(aws_max_attempts),
     .fallback = "3",
     .min = 1,
     .max = 10,
     .meaning = "tries of one AWS request, the first one included"},
    {.name = "AWS_ALIAS_ID_OVERRIDE",
     .kind = KIND_STRING,
     AT(aws_alias_id_override),
     .meaning = "alias id or ARN used instead of the request's deployment (synchronous mode)"},
    {.name = "AWS_LOCATION_OVERRIDE",
     .kind = KIND_STRING,
     AT(aws_location_override),
     .meaning = "the one location used instead of the requested regions (synchronous mode)"},
    {.name = "AWS_QUEUE_ARN_OVERRIDE",
     .kind = KIND_STRING,
     AT(aws_queue_arn_override),
     .meaning = "queue name or ARN used instead of the request's deployment (asynchronous mode)"},
    {.name = "GAMELIFT_WAIT_ACTIVE",
     .kind = KIND_BOOL,
     AT(gamelift_wait_active),
     .fallback = "false",
     .meaning = "true: answer READY only once the game session is ACTIVE (synchronous mode)"},
    {.name = "GAMELIFT_QUEUE_USE_REQUESTED_REGIONS",
     .kind = KIND_BOOL,
     AT(gamelift_queue_use_requested_regions),
     .fallback = "false",
     .meaning = "true: a queue tries the requested regions in their order, instead of going by "
                "latencies (asynchronous mode)"},
    {.name = "GAMELIFT_TERMINATION_MODE",
     .kind = KIND_CHOICE,
     AT(gamelift_termination_mode),
     .fallback = "TRIGGER_ON_PROCESS_TERMINATE",
     .choices = {"TRIGGER_ON_PROCESS_TERMINATE", "FORCE_TERMINATE"},
     .meaning = "how game sessions are ended: the server is asked to end, or just killed"},
    {.name = "RECLAIM_DELAY_MS",
     .kind = KIND_INT,
     AT(reclaim_delay_ms),
     .fallback = "10000",
     .min = 0,
     .max = 600000,
     .meaning =
         "milliseconds before a server that a failed call may have left behind is looked for"},
    {.name = "AB_BASE_URL",
     .kind = KIND_URL,
     AT(ab_base_url),
     .required = true,
     .meaning = "base URL of AccelByte Gaming Services",
     .example = "https://studio-game.prod.gamingservices.accelbyte.io"},
    {.name = "AB_CLIENT_ID",
     .kind = KIND_STRING,
     AT(ab_client_id),
     .required = true,
     .meaning = "OAuth client id",
     .example = "the IAM client's id"},
    {.name = "AB_CLIENT_SECRET",
     .kind = KIND_SECRET,
     AT(ab_client_secret),
     .required = true,
     .meaning = "OAuth client secret",
     .example = "the IAM client's secret"},
    {.name = "AB_NAMESPACE",
     .kind = KIND_STRING,
     AT(ab_namespace),
     .required = true,
     .meaning = "game namespace",
     .example = "studio-game"},
};

/* ---- reading ---- */

/* The value, or NULL for unset and empty. */
static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static struct err *wrong(struct arena *a, const struct setting *s, const char *why) {
    struct err *err = ERR_INVALID(a, "%s %s", s->name, why);
    err->field = str_c(s->name);
    return err;
}

static struct err *set_int(struct arena *a, const struct setting *s, const char *text, int *out) {
    int64_t value;
    if (!str_to_int64(str_c(text), &value) || value < s->min || value > s->max)
        return wrong(a, s,
                     arena_printf(a, "must be a whole number from %d to %d", s->min, s->max).p);
    *out = (int)value;
    return NULL;
}

static struct err *set_bool(struct arena *a, const struct setting *s, const char *text, bool *out) {
    bool yes = str_eq_nocase(str_c(text), STR("true"));
    if (!yes && !str_eq_nocase(str_c(text), STR("false")))
        return wrong(a, s, "must be true or false");
    *out = yes;
    return NULL;
}

/* Control characters in a value would end up in a header or a log. */
static bool is_plain(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return str_is_utf8(s);
}

static struct err *set_string(struct arena *a, const struct setting *s, const char *text,
                              struct str *out) {
    struct str value = str_c(text);
    if (!is_plain(value))
        return wrong(a, s, "holds a control character or is not UTF-8; remove it");
    if (s->kind == KIND_URL) {
        if (!str_starts(value, STR("https://")) && !str_starts(value, STR("http://")))
            return wrong(a, s, "must begin with https:// (or http:// for a local stand-in)");
        while (str_ends(value, STR("/")))
            value.n--;
        if (value.n < 9 || str_find(value, ' ') < value.n || str_find(value, '@') < value.n ||
            str_find(value, '?') < value.n || str_find(value, '#') < value.n)
            return wrong(a, s, "must be a plain URL: scheme, host, maybe port and path");
    }
    *out = arena_str(a, value);
    return NULL;
}

static struct err *set_choice(struct arena *a, const struct setting *s, const char *text,
                              struct str *out) {
    for (size_t i = 0; i < ARRAY_LEN(s->choices); i++)
        if (strcmp(s->choices[i], text) == 0) {
            *out = str_c(s->choices[i]);
            return NULL;
        }
    return wrong(a, s, arena_printf(a, "must be %s or %s", s->choices[0], s->choices[1]).p);
}

/* Moves a secret from the environment into memory that is wiped and never dumped. */
static struct err *set_secret(struct arena *a, const struct setting *s, const char *text,
                              struct secret *out) {
    char *environ_text = getenv(s->name);
    if (!is_plain(str_c(text)))
        return wrong(a, s, "holds a control character, such as a line end from a file; remove it");
    *out = secret_new(str_c(text));
    if (environ_text != NULL)
        explicit_bzero(environ_text, strlen(environ_text));
    return NULL;
}

static struct err *set(struct arena *a, const struct setting *s, const char *text,
                       struct config *config) {
    void *out = (char *)config + s->offset;
    switch (s->kind) {
    case KIND_STRING:
    case KIND_URL:
        return set_string(a, s, text, out);
    case KIND_SECRET:
        return set_secret(a, s, text, out);
    case KIND_AWS:
    case KIND_AWS_SECRET:
        return NULL;
    case KIND_CHOICE:
        return set_choice(a, s, text, out);
    case KIND_INT:
        return set_int(a, s, text, out);
    case KIND_BOOL:
        return set_bool(a, s, text, out);
    case KIND_LOG_LEVEL:
        if (!log_level_parse(str_c(text), out))
            return wrong(a, s, "must be debug, info, warn, error or off");
        return NULL;
    }
    obj_panic(__FILE__, __LINE__, "a kind that does not exist");
}

struct err *config_load(struct arena *a, struct config *ret) {
    *ret = (struct config){.grpc_port = 0};
    aws_environment_load(a, &ret->aws);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        const char *text = environment(s->name);
        if (text == NULL && s->required)
            return wrong(a, s,
                         arena_printf(a, "is not set: %s; set it to %s%s", s->meaning,
                                      s->kind == KIND_SECRET ? "" : "something like ", s->example)
                             .p);
        if (text == NULL)
            text = s->fallback;
        struct err *err = text == NULL ? NULL : set(a, s, text, ret);
        if (err != NULL)
            return err;
    }
    if (ret->auth_max_stale_s <= ret->refresh_interval_s)
        return ERR_INVALID(a,
                           "AUTH_MAX_STALE must be more than REFRESH_INTERVAL, or calls would be "
                           "refused between two fetches");
    return NULL;
}

void config_clear(struct config *config) {
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (settings[i].kind == KIND_SECRET || settings[i].kind == KIND_AWS_SECRET)
            secret_free((struct secret *)(void *)((char *)config + settings[i].offset));
}

/* ---- showing ---- */

void config_help(FILE *out) {
    fprintf(out, "Settings, from the environment (empty is unset):\n\n");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "  %-36s %s", s->name, s->meaning);
        if (s->kind == KIND_INT)
            fprintf(out, " (%d to %d; default %s)", s->min, s->max, s->fallback);
        else if (s->fallback != NULL)
            fprintf(out, " (default %s)", s->fallback);
        else if (s->required)
            fprintf(out, " (required)");
        fputc('\n', out);
    }
}

static const char *level_name(enum log_level level) {
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    return names[level];
}

void config_print(FILE *out, const struct config *config) {
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        const char *at = (const char *)config + s->offset;
        struct str text;
        struct secret secret;
        enum log_level level;
        int number;
        bool yes;
        fprintf(out, "%s=", s->name);
        switch (s->kind) {
        case KIND_STRING:
        case KIND_URL:
        case KIND_CHOICE:
        case KIND_AWS:
            memcpy(&text, at, sizeof text);
            fprintf(out, STR_FMT "\n", STR_ARG(text));
            break;
        case KIND_SECRET:
        case KIND_AWS_SECRET:
            memcpy(&secret, at, sizeof secret);
            fprintf(out, "%s\n", secret_present(&secret) ? "***" : "");
            break;
        case KIND_INT:
            memcpy(&number, at, sizeof number);
            fprintf(out, "%d\n", number);
            break;
        case KIND_BOOL:
            memcpy(&yes, at, sizeof yes);
            fprintf(out, "%s\n", yes ? "true" : "false");
            break;
        case KIND_LOG_LEVEL:
            memcpy(&level, at, sizeof level);
            fprintf(out, "%s\n", level_name(level));
            break;
        }
    }
}
