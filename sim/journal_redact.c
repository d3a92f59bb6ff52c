// SPDX-License-Identifier: Apache-2.0
#include "base/obj.h"
#include "sim/journal.h"

#define MASK "***"

/* Members, elements and form fields whose values are nobody's business; compared without case. */
static const struct str secret_names[] = {
    STR_INIT("access_token"), STR_INIT("client_secret"), STR_INIT("id_token"),
    STR_INIT("password"),     STR_INIT("refresh_token"), STR_INIT("SecretAccessKey"),
    STR_INIT("SessionToken"), STR_INIT("token"),         STR_INIT("WebIdentityToken"),
};

static bool is_secret(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(secret_names); i++)
        if (str_eq_nocase(secret_names[i], name))
            return true;
    return false;
}

/* Behind the string that starts at text.p[i]; the end if it has none. */
static size_t string_end(struct str text, size_t i) {
    for (i++; i < text.n && text.p[i] != '"'; i++)
        i += text.p[i] == '\\' ? 1 : 0;
    return i < text.n ? i + 1 : text.n;
}

static size_t skip_blanks(struct str text, size_t i) {
    while (i < text.n && strchr(" \t\r\n", text.p[i]) != NULL)
        i++;
    return i;
}

/* The text may be cut off or no JSON at all. */
static void redact_json(struct str text, struct buf *out) {
    size_t i = 0;
    while (i < text.n) {
        if (text.p[i] != '"') {
            buf_putc(out, text.p[i++]);
            continue;
        }
        size_t end = string_end(text, i);
        struct str name = str_sub(text, i + 1, end - 1);
        size_t colon = skip_blanks(text, end);
        size_t value = colon < text.n && text.p[colon] == ':' ? skip_blanks(text, colon + 1) : 0;
        bool hide = value != 0 && value < text.n && text.p[value] == '"' && is_secret(name);
        buf_putstr(out, str_sub(text, i, hide ? value : end));
        if (hide)
            buf_puts(out, "\"" MASK "\"");
        i = hide ? string_end(text, value) : end;
    }
}

/* <Name>value</Name>, without attributes. */
static void redact_xml(struct str text, struct buf *out) {
    while (!str_empty(text)) {
        size_t open = str_find(text, '<');
        struct str tag = str_from(text, open + 1);
        struct str name = str_sub(tag, 0, str_find(tag, '>'));
        size_t behind = open + 1 + name.n + 1;
        buf_putstr(out, str_sub(text, 0, behind));
        text = str_from(text, behind);
        if (is_secret(name) && !str_empty(text)) {
            buf_puts(out, MASK);
            text = str_from(text, str_find(text, '<'));
        }
    }
}

static void redact_form(struct str text, struct buf *out) {
    while (!str_empty(text)) {
        size_t end = str_find(text, '&');
        struct str pair = str_sub(text, 0, end);
        size_t equals = str_find(pair, '=');
        if (equals < pair.n && is_secret(str_sub(pair, 0, equals))) {
            buf_putstr(out, str_sub(pair, 0, equals + 1));
            buf_puts(out, MASK);
        } else {
            buf_putstr(out, pair);
        }
        buf_putstr(out, str_sub(text, end, end + 1));
        text = str_from(text, end + 1);
    }
}

struct str journal_redact(struct str body, struct arena *a) {
    struct str text = str_trim(body);
    struct buf out;
    if (str_empty(text))
        return body;
    buf_init(&out, 2 * text.n + 64);
    if (text.p[0] == '{' || text.p[0] == '[')
        redact_json(text, &out);
    else if (text.p[0] == '<')
        redact_xml(text, &out);
    else
        redact_form(text, &out);
    struct str shown = out.failed ? STR(MASK) : arena_str(a, buf_str(&out));
    buf_free(&out);
    return shown;
}
