// SPDX-License-Identifier: Apache-2.0
#include "aws/shared_config.h"

#include "aws/credentials_file.h"
#include "base/obj.h"

#include <errno.h>
#include <stdlib.h>

enum section_kind { SECTION_NONE, SECTION_PROFILE, SECTION_SERVICES, SECTION_OTHER };

struct section {
    enum section_kind kind;
    enum shared_config_file file;
    struct str name;
};

/* A section's own row has no key; the others are its keys. Texts are views into the copies. */
struct row {
    struct section section;
    struct str key;
    struct str sub; /* nested key; absent for the key itself */
    struct str value;
};

struct shared_config {
    unsigned magic;
#define SHARED_CONFIG_MAGIC 0x3b90c7e6U
    char *text[2]; /* by file */
    size_t size[2];
    struct row *rows;
    size_t n;
    size_t cap;
};

struct parser {
    struct arena *arena; /* of errors */
    struct shared_config *config;
    const char *name;
    size_t line;
    struct section section;
    bool in_key; /* a deeper line belongs to the last row's key */
    size_t indent;
    struct str parent; /* the key whose value is nested; absent if it has one */
};

/* ---- lines ---- */

static struct err *fault(const struct parser *p, const char *why) {
    return ERR_INVALID(p->arena, "%s, line %zu: %s", p->name, p->line, why);
}

static struct err *add_row(struct parser *p, struct str key, struct str sub, struct str value) {
    struct shared_config *c = p->config;
    if (c->n == SHARED_CONFIG_MAX_KEYS)
        return fault(p, "too many keys");
    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 32 : 2 * c->cap;
        c->rows = realloc(c->rows, c->cap * sizeof *c->rows);
        AN(c->rows);
    }
    c->rows[c->n++] = (struct row){p->section, key, sub, value};
    return NULL;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_comment(struct str body) {
    return body.p[0] == '#' || body.p[0] == ';';
}

/* The first word or quoted text, cut off the front. */
static struct str next_word(struct str *rest) {
    *rest = str_trim(*rest);
    if (rest->n > 1 && (rest->p[0] == '"' || rest->p[0] == '\'')) {
        size_t end = str_find(str_from(*rest, 1), rest->p[0]) + 1;
        struct str word = str_sub(*rest, 1, end);
        *rest = str_from(*rest, end + 1);
        return word;
    }
    size_t end = 0;
    while (end < rest->n && !is_blank(rest->p[end]))
        end++;
    struct str word = str_sub(*rest, 0, end);
    *rest = str_from(*rest, end);
    return word;
}

static struct section config_section(struct str title) {
    struct section s = {.kind = SECTION_OTHER, .file = SHARED_CONFIG_CONFIG};
    struct str rest = title;
    struct str first = next_word(&rest);
    struct str second = next_word(&rest);
    if (str_eq(first, STR("default")) && str_empty(second)) {
        s.kind = SECTION_PROFILE;
        s.name = first;
    } else if (!str_empty(second) && str_empty(str_trim(rest))) {
        if (str_eq(first, STR("profile")))
            s.kind = SECTION_PROFILE;
        else if (str_eq(first, STR("services")))
            s.kind = SECTION_SERVICES;
        s.name = second;
    }
    return s;
}

/* A quoted name may hold a bracket. */
static size_t find_bracket(struct str body) {
    char quote = '\0';
    for (size_t i = 1; i < body.n; i++) {
        char c = body.p[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == ']')
            return i;
    }
    return str_find(body, ']');
}

static struct err *parse_section(struct parser *p, enum shared_config_file file, struct str body) {
    size_t end = find_bracket(body);
    if (end == body.n)
        return fault(p, "a section has no closing bracket");
    struct str title = str_trim(str_sub(body, 1, end));
    if (file == SHARED_CONFIG_CONFIG) {
        p->section = config_section(title);
    } else {
        /* A bare name may hold blanks here; only quotes around all of it are taken off. */
        struct str rest = title;
        struct str word = next_word(&rest);
        p->section = (struct section){
            .kind = SECTION_PROFILE,
            .file = file,
            .name = str_empty(rest) ? word : title,
        };
    }
    p->in_key = false;
    return add_row(p, STR_NULL, STR_NULL, STR_NULL);
}

/* Without a comment at its end. A command may well hold a # of its own. */
static struct str value_of(struct str key, struct str text) {
    if (!str_eq_nocase(key, STR("credential_process")))
        for (size_t i = 1; i < text.n; i++)
            if ((text.p[i] == '#' || text.p[i] == ';') && is_blank(text.p[i - 1]))
                text.n = i;
    return str_trim(text);
}

static bool split(struct str body, struct str *ret_key, struct str *ret_value) {
    size_t end = str_find(body, '=');
    size_t colon = str_find(body, ':');
    if (colon < end)
        end = colon;
    *ret_key = str_trim(str_sub(body, 0, end));
    if (end == body.n || str_empty(*ret_key))
        return false;
    *ret_value = value_of(*ret_key, str_from(body, end + 1));
    return true;
}

static struct err *parse_deeper(struct parser *p, struct str body) {
    struct str key, value;
    if (p->parent.p == NULL) {
        struct row *last = &p->config->rows[p->config->n - 1];
        last->value.n = (size_t)(body.p + body.n - last->value.p);
        return NULL;
    }
    if (!split(body, &key, &value))
        return fault(p, "a nested line is no \"key = value\"");
    return add_row(p, p->parent, key, value);
}

static struct err *parse_line(struct parser *p, enum shared_config_file file, struct str line) {
    struct str key, value;
    struct str body = str_trim(line);
    size_t indent = 0;
    if (str_empty(body) || is_comment(body))
        return NULL;
    while (is_blank(line.p[indent]))
        indent++;
    if (p->in_key && indent > p->indent)
        return parse_deeper(p, body);
    if (body.p[0] == '[')
        return parse_section(p, file, body);
    if (p->section.kind == SECTION_NONE)
        return fault(p, "a key stands before the first section");
    if (!split(body, &key, &value))
        return fault(p, "neither a [section] nor a \"key = value\"");
    p->in_key = true;
    p->indent = indent;
    p->parent = str_empty(value) ? key : STR_NULL;
    return add_row(p, key, STR_NULL, value);
}

static struct err *parse_file(struct arena *a, struct shared_config *config,
                              enum shared_config_file file, const struct shared_config_text *in) {
    if (in == NULL || in->text.p == NULL)
        return NULL;
    struct parser p = {.arena = a, .config = config, .name = in->name};
    if (in->text.n > SHARED_CONFIG_MAX)
        return ERR_INVALID(a, "%s is larger than %zu bytes", in->name, SHARED_CONFIG_MAX);
    if (memchr(in->text.p, '\0', in->text.n) != NULL)
        return ERR_INVALID(a, "%s is no text: it holds a NUL byte", in->name);
    char *copy = malloc(in->text.n + 1);
    AN(copy);
    memcpy(copy, in->text.p, in->text.n);
    config->text[file] = copy;
    config->size[file] = in->text.n;
    struct str rest = str_n(copy, in->text.n);
    if (str_starts(rest, STR("\xEF\xBB\xBF")))
        rest = str_from(rest, 3);
    while (rest.n > 0) {
        struct str line = str_sub(rest, 0, str_find(rest, '\n'));
        rest = str_from(rest, line.n + 1);
        p.line++;
        struct err *err = parse_line(&p, file, line);
        if (err != NULL)
            return err;
    }
    return NULL;
}

/* ---- the whole ---- */

struct err *shared_config_parse(struct arena *a, const struct shared_config_text *config,
                                const struct shared_config_text *credentials,
                                struct shared_config **ret) {
    struct shared_config *c = calloc(1, sizeof *c);
    AN(c);
    c->magic = SHARED_CONFIG_MAGIC;
    struct err *err = parse_file(a, c, SHARED_CONFIG_CONFIG, config);
    if (err == NULL)
        err = parse_file(a, c, SHARED_CONFIG_CREDENTIALS, credentials);
    if (err != NULL)
        shared_config_free(c);
    else
        *ret = c;
    return err;
}

void shared_config_free(struct shared_config *config) {
    if (config == NULL)
        return;
    OBJ_CHECK(config, SHARED_CONFIG_MAGIC);
    for (size_t i = 0; i < ARRAY_LEN(config->text); i++) {
        if (config->text[i] != NULL)
            explicit_bzero(config->text[i], config->size[i]);
        free(config->text[i]);
    }
    free(config->rows);
    config->magic = 0;
    free(config);
}

static struct str expand_home(struct arena *a, const struct aws_environment *env, struct str path) {
    if (!str_starts(path, STR("~/")) || str_empty(env->home))
        return path;
    return arena_printf(a, STR_FMT STR_FMT, STR_ARG(env->home), STR_ARG(str_from(path, 1)));
}

/* An empty buf for a file that is not there. */
static struct err *read_file(struct arena *a, const struct aws_environment *env, const char *what,
                             struct str path, const char *in_home, struct buf *ret) {
    int why = 0;
    bool is_default = str_empty(path);
    if (is_default && str_empty(env->home))
        return NULL;
    path = is_default ? arena_printf(a, STR_FMT "/.aws/%s", STR_ARG(env->home), in_home)
                      : expand_home(a, env, path);
    struct err *err = aws_file_read(a, what, path, SHARED_CONFIG_MAX, &why, ret);
    bool missing = why == ENOENT || why == ENOTDIR || (is_default && why == EACCES);
    return missing ? NULL : err;
}

struct err *shared_config_load(struct arena *a, const struct aws_environment *env,
                               struct shared_config **ret) {
    struct buf config = {.p = NULL};
    struct buf credentials = {.p = NULL};
    struct err *err = read_file(a, env, "the AWS config file", env->config_file, "config", &config);
    if (err == NULL)
        err = read_file(a, env, "the AWS credentials file", env->shared_credentials_file,
                        "credentials", &credentials);
    const struct shared_config_text first = {str_n(config.p, config.n), "the AWS config file"};
    const struct shared_config_text second = {str_n(credentials.p, credentials.n),
                                              "the AWS credentials file"};
    if (err == NULL)
        err = shared_config_parse(a, &first, &second, ret);
    buf_wipe(&config);
    buf_wipe(&credentials);
    return err;
}

/* ---- looking up ---- */

static bool is_section(const struct row *row, enum section_kind kind, struct str name) {
    return row->section.kind == kind && str_eq(row->section.name, name);
}

static bool has_section(const struct shared_config *config, enum section_kind kind,
                        struct str name) {
    for (size_t i = 0; config != NULL && i < config->n; i++)
        if (is_section(&config->rows[i], kind, name))
            return true;
    return false;
}

bool shared_config_has_profile(const struct shared_config *config, struct str profile) {
    return has_section(config, SECTION_PROFILE, profile);
}

/* The last row of that name; sub is NULL for the key itself. */
static struct str find(const struct shared_config *config, enum section_kind kind,
                       enum shared_config_file file, struct str name, const char *key,
                       const char *sub) {
    for (size_t i = config == NULL ? 0 : config->n; i > 0; i--) {
        const struct row *row = &config->rows[i - 1];
        if (row->section.file == file && is_section(row, kind, name) &&
            str_eq_nocase(row->key, str_c(key)) && (row->sub.p == NULL) == (sub == NULL) &&
            str_eq_nocase(row->sub, str_c(sub)))
            return str_empty(row->value) ? STR_NULL : row->value;
    }
    return STR_NULL;
}

struct str shared_config_lookup_in(const struct shared_config *config, enum shared_config_file file,
                                   struct str profile, const char *key) {
    return find(config, SECTION_PROFILE, file, profile, key, NULL);
}

struct str shared_config_lookup(const struct shared_config *config, struct str profile,
                                const char *key) {
    struct str value = shared_config_lookup_in(config, SHARED_CONFIG_CREDENTIALS, profile, key);
    return value.p != NULL ? value
                           : shared_config_lookup_in(config, SHARED_CONFIG_CONFIG, profile, key);
}

struct err *shared_config_service(const struct shared_config *config, struct arena *a,
                                  struct str profile, const char *service, const char *key,
                                  struct str *ret) {
    struct str name = shared_config_lookup(config, profile, "services");
    *ret = STR_NULL;
    if (name.p == NULL)
        return NULL;
    if (!has_section(config, SECTION_SERVICES, name))
        return ERR_INVALID(a,
                           "the AWS profile \"" STR_FMT "\" names the services section \"" STR_FMT
                           "\", which is not in the AWS config file",
                           STR_ARG(aws_shown(a, profile)), STR_ARG(aws_shown(a, name)));
    *ret = find(config, SECTION_SERVICES, SHARED_CONFIG_CONFIG, name, service, key);
    return NULL;
}
