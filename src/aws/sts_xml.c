// SPDX-License-Identifier: Apache-2.0
#include "aws/sts_xml.h"

#include "aws/credentials_source.h"
#include "base/buf.h"
#include "base/obj.h"

#include <expat.h>
#include <stdlib.h>

#define MAX_DEPTH 16
#define MAX_TEXT ((size_t)32768) /* bytes of one element: a token is half of that at most */

/* parent/name of every element that is read; the first one in the text counts. */
static const struct {
    struct str parent;
    struct str name;
    size_t offset;
} fields[] = {
    {STR_INIT("Credentials"), STR_INIT("AccessKeyId"), offsetof(struct sts_answer, access_key_id)},
    {STR_INIT("Credentials"), STR_INIT("SecretAccessKey"),
     offsetof(struct sts_answer, secret_access_key)},
    {STR_INIT("Credentials"), STR_INIT("SessionToken"), offsetof(struct sts_answer, session_token)},
    {STR_INIT("Credentials"), STR_INIT("Expiration"), offsetof(struct sts_answer, expiration)},
    {STR_INIT("Error"), STR_INIT("Code"), offsetof(struct sts_answer, error_code)},
    {STR_INIT("Error"), STR_INIT("Message"), offsetof(struct sts_answer, error_message)},
    {STR_INIT("ErrorResponse"), STR_INIT("RequestId"), offsetof(struct sts_answer, request_id)},
    {STR_INIT("ResponseMetadata"), STR_INIT("RequestId"), offsetof(struct sts_answer, request_id)},
};

#define NO_FIELD ARRAY_LEN(fields)

struct reader {
    XML_Parser expat;
    struct arena *arena;
    const char *fault;
    struct str path[MAX_DEPTH]; /* names of the open elements, copied */
    size_t depth;
    size_t field; /* being read, or NO_FIELD */
    struct buf text;
    struct sts_answer answer;
};

static void stop(struct reader *r, const char *why) {
    if (r->fault == NULL)
        r->fault = why;
    XML_StopParser(r->expat, XML_FALSE);
}

static size_t field_of(struct str parent, struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq(fields[i].parent, parent) && str_eq(fields[i].name, name))
            return i;
    return NO_FIELD;
}

static void XMLCALL on_start(void *priv, const XML_Char *name, const XML_Char **attributes) {
    struct reader *r = priv;
    (void)attributes;
    struct str local = str_c(name);
    size_t colon = str_find(local, ':');
    if (colon < local.n)
        local = str_from(local, colon + 1);
    if (r->depth == MAX_DEPTH) {
        stop(r, "is nested too deeply");
        return;
    }
    /* An element within one that should be text: then it is not the one that is meant. */
    r->field = NO_FIELD;
    buf_reset(&r->text);
    if (r->depth > 0)
        r->field = field_of(r->path[r->depth - 1], local);
    /* Longer ones are no names of ours, so the path may forget them. */
    r->path[r->depth++] = local.n <= 64 ? arena_str(r->arena, local) : STR_NULL;
}

static void XMLCALL on_text(void *priv, const XML_Char *p, int n) {
    struct reader *r = priv;
    if (r->field == NO_FIELD)
        return;
    buf_put(&r->text, p, (size_t)n);
    if (r->text.failed)
        stop(r, "has an element that is too long");
}

static void XMLCALL on_end(void *priv, const XML_Char *name) {
    struct reader *r = priv;
    (void)name;
    r->depth--;
    if (r->field == NO_FIELD)
        return;
    struct str value;
    char *slot = (char *)&r->answer + fields[r->field].offset;
    memcpy(&value, slot, sizeof value);
    if (value.p == NULL) {
        value = arena_str(r->arena, str_trim(buf_str(&r->text)));
        memcpy(slot, &value, sizeof value);
    }
    r->field = NO_FIELD;
}

/* Without a document type there are no entities, and so no text that grows when it is read. */
static void XMLCALL on_doctype(void *priv, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    stop(priv, "has a document type");
}

struct err *sts_xml_parse(struct arena *a, struct str xml, struct sts_answer *ret) {
    if (xml.n > STS_XML_MAX)
        return err_new(a, RPC_INTERNAL, "the answer is larger than %zu bytes", STS_XML_MAX);
    struct reader r = {
        .expat = XML_ParserCreate(NULL),
        .arena = a,
        .field = NO_FIELD,
    };
    AN(r.expat);
    /* As large as it may get, so that growing leaves no copies of a secret behind. */
    buf_init(&r.text, MAX_TEXT);
    r.text.p = malloc(MAX_TEXT);
    AN(r.text.p);
    r.text.cap = MAX_TEXT;
    XML_SetUserData(r.expat, &r);
    XML_SetElementHandler(r.expat, on_start, on_end);
    XML_SetCharacterDataHandler(r.expat, on_text);
    XML_SetStartDoctypeDeclHandler(r.expat, on_doctype);
    if (XML_Parse(r.expat, xml.n == 0 ? "" : xml.p, (int)xml.n, XML_TRUE) != XML_STATUS_OK &&
        r.fault == NULL)
        r.fault = "is no XML";
    XML_ParserFree(r.expat);
    buf_wipe(&r.text);
    if (r.fault != NULL) {
        aws_wipe(r.answer.secret_access_key);
        aws_wipe(r.answer.session_token);
        return err_new(a, RPC_INTERNAL, "the answer %s", r.fault);
    }
    *ret = r.answer;
    return NULL;
}
