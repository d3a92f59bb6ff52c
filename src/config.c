// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "base/obj.h"
#include "settings.h"

#include <inttypes.h>
#include <stdlib.h>

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
    if (s->kind == SETTING_URL) {
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
    case SETTING_STRING:
    case SETTING_URL:
        return set_string(a, s, text, out);
    case SETTING_SECRET:
        return set_secret(a, s, text, out);
    case SETTING_AWS:
    case SETTING_AWS_SECRET:
        return NULL;
    case SETTING_CHOICE:
        return set_choice(a, s, text, out);
    case SETTING_INT:
        return set_int(a, s, text, out);
    case SETTING_BOOL:
        return set_bool(a, s, text, out);
    case SETTING_LOG_LEVEL:
        if (!log_level_parse(str_c(text), out))
            return wrong(a, s, "must be debug, info, warn, error or off");
        return NULL;
    }
    obj_panic(__FILE__, __LINE__, "a kind that does not exist");
}

struct err *config_load(struct arena *a, struct config *ret) {
    *ret = (struct config){.grpc_port = 0};
    aws_environment_load(a, &ret->aws);
    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];
        const char *text = environment(s->name);
        if (text == NULL && s->required)
            return wrong(a, s,
                         arena_printf(a, "is not set: %s; set it to %s%s", s->meaning,
                                      s->kind == SETTING_SECRET ? "" : "something like ",
                                      s->example)
                             .p);
        if (text == NULL)
            text = s->fallback;
        struct err *err = text == NULL ? NULL : set(a, s, text, ret);
        if (err != NULL)
            return err;
    }
    if (str_empty(ret->grpc_tls_certificate_file) != str_empty(ret->grpc_tls_key_file))
        return ERR_INVALID(a, "GRPC_TLS_CERTIFICATE_FILE and GRPC_TLS_KEY_FILE go together: set "
                              "both, or neither for plain text");
    if (!str_empty(ret->grpc_tls_client_ca_file) && str_empty(ret->grpc_tls_key_file))
        return ERR_INVALID(a, "GRPC_TLS_CLIENT_CA_FILE needs GRPC_TLS_CERTIFICATE_FILE and "
                              "GRPC_TLS_KEY_FILE: without TLS no client can be told by its "
                              "certificate");
    if (ret->auth_max_stale_s <= ret->refresh_interval_s)
        return ERR_INVALID(a,
                           "AUTH_MAX_STALE must be more than REFRESH_INTERVAL, or calls would be "
                           "refused between two fetches");
    return NULL;
}

void config_clear(struct config *config) {
    for (size_t i = 0; i < n_settings; i++)
        if (settings[i].kind == SETTING_SECRET)
            secret_free((struct secret *)(void *)((char *)config + settings[i].offset));
    aws_environment_clear(&config->aws);
}

/* ---- showing ---- */

void config_help(FILE *out) {
    fprintf(out, "Settings, from the environment (empty is unset):\n\n");
    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "  %-36s %s", s->name, s->meaning);
        if (s->kind == SETTING_INT)
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
    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];
        const char *at = (const char *)config + s->offset;
        struct str text;
        struct secret secret;
        enum log_level level;
        int number;
        bool yes;
        fprintf(out, "%s=", s->name);
        switch (s->kind) {
        case SETTING_STRING:
        case SETTING_URL:
        case SETTING_CHOICE:
        case SETTING_AWS:
            memcpy(&text, at, sizeof text);
            fprintf(out, STR_FMT "\n", STR_ARG(text));
            break;
        case SETTING_SECRET:
        case SETTING_AWS_SECRET:
            memcpy(&secret, at, sizeof secret);
            fprintf(out, "%s\n", secret_present(&secret) ? "***" : "");
            break;
        case SETTING_INT:
            memcpy(&number, at, sizeof number);
            fprintf(out, "%d\n", number);
            break;
        case SETTING_BOOL:
            memcpy(&yes, at, sizeof yes);
            fprintf(out, "%s\n", yes ? "true" : "false");
            break;
        case SETTING_LOG_LEVEL:
            memcpy(&level, at, sizeof level);
            fprintf(out, "%s\n", level_name(level));
            break;
        }
    }
}
