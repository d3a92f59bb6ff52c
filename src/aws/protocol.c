// SPDX-License-Identifier: Apache-2.0
#include "aws/protocol.h"

#include "aws/gzip.h"
#include "base/buf.h"
#include "base/obj.h"
#include "codec/access.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/validate.h"

/* Bytes of one encoded request; sensitive text grows in JSON. */
#define MAX_BODY ((size_t)8 << 20)
#define USUAL_BODY 2048 /* on the stack */
/* Bytes below which compressing is not worth it; the SDKs' default. */
#define MIN_COMPRESSED 10240

enum aws_protocol aws_protocol_of(const struct aws_service *service, enum aws_protocol wanted) {
    if (wanted == AWS_PROTOCOL_CBOR)
        return service->cbor ? AWS_PROTOCOL_CBOR : AWS_PROTOCOL_JSON;
    return service->json_content_type.p != NULL ? AWS_PROTOCOL_JSON : AWS_PROTOCOL_CBOR;
}

/* ---- the input ---- */

/* The input with a token in every absent member that is to have one. */
static const void *with_tokens(const struct codec_shape *shape, const void *in, aws_token_fn *token,
                               struct arena *a) {
    char *copy = NULL;
    for (size_t i = 0; shape->has_token && i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        if (!m->token || codec_member_get(m, in) != NULL)
            continue;
        if (copy == NULL) {
            copy = arena_alloc(a, shape->size);
            memcpy(copy, in, shape->size);
            in = copy;
        }
        char text[RANDOM_UUID_SIZE];
        token(text);
        struct str made = arena_str(a, str_c(text));
        memcpy(copy + m->offset, &made, sizeof made);
    }
    return in;
}

static struct err *encode(const struct aws_operation *op, enum aws_protocol protocol,
                          const void *in, struct arena *a, struct str *ret) {
    char usual[USUAL_BODY];
    struct buf body;
    buf_init_in(&body, usual, sizeof usual, MAX_BODY);
    struct err *err = protocol == AWS_PROTOCOL_JSON ? json_encode(&body, op->input, in, a)
                                                    : cbor_encode(&body, op->input, in, a);
    if (err == NULL)
        *ret = arena_str(a, buf_str(&body));
    buf_free(&body);
    return err;
}

/* ---- the place ---- */

static bool is_host_label(struct str s) {
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
              (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
            return false;
    return true;
}

/* Appends "foo.{}." with the members of the input in it. */
static struct err *put_host_prefix(struct buf *out, const struct aws_operation *op, const void *in,
                                   struct arena *a) {
    struct str rest = op->host_prefix;
    for (size_t i = 0;; i++) {
        size_t gap = str_find(rest, '{');
        buf_putstr(out, str_sub(rest, 0, gap));
        if (gap == rest.n)
            return NULL;
        ASSERT(op->input != NULL); /* a label is a member of the input */
        const struct codec_member *m = &op->input->members[op->host_labels[i]];
        const void *slot = codec_member_get(m, in);
        struct str label = slot == NULL ? STR_NULL : codec_str_get(slot);
        if (!is_host_label(label)) {
            struct err *err = ERR_INVALID(a, STR_FMT " must be a host label", STR_ARG(m->name));
            err->field = m->name;
            return err;
        }
        buf_putstr(out, label);
        rest = str_from(rest, gap + 2);
    }
}

/* Host, path and URL: those of the endpoint, but for a prefix and a path of the protocol's. */
static struct err *place(const struct aws_operation *op, enum aws_protocol protocol,
                         const struct endpoint *endpoint, const void *in, struct arena *a,
                         struct aws_request *ret) {
    struct str host = endpoint->host;
    ret->path = endpoint->base_path;
    ret->url = endpoint->url;
    if (op->host_prefix.p != NULL) {
        struct buf b;
        buf_init(&b, 4096);
        struct err *err = put_host_prefix(&b, op, in, a);
        host = ARENA_JOIN(a, buf_str(&b), host);
        buf_free(&b);
        if (err != NULL)
            return err;
    }
    if (protocol == AWS_PROTOCOL_CBOR)
        ret->path = ARENA_JOIN(a, ret->path, op->cbor_path);
    if (op->host_prefix.p != NULL || protocol == AWS_PROTOCOL_CBOR) {
        struct str scheme = str_sub(endpoint->url, 0, str_find(endpoint->url, ':'));
        ret->url = ARENA_JOIN(a, scheme, STR("://"), host, ret->path);
    }
    ret->headers[ret->n_headers++] = (struct http_header){STR("Host"), host};
    return NULL;
}

static void put_header(struct aws_request *req, struct str name, struct str value) {
    ASSERT(req->n_headers < AWS_PROTOCOL_HEADERS);
    req->headers[req->n_headers++] = (struct http_header){name, value};
}

static void put_headers(const struct aws_operation *op, enum aws_protocol protocol,
                        struct aws_request *req) {
    if (protocol == AWS_PROTOCOL_JSON) {
        put_header(req, STR("Content-Type"), op->service->json_content_type);
        put_header(req, STR("X-Amz-Target"), op->target);
    } else {
        if (op->input != NULL)
            put_header(req, STR("Content-Type"), STR("application/cbor"));
        put_header(req, STR("Accept"), STR("application/cbor"));
        put_header(req, STR("smithy-protocol"), STR("rpc-v2-cbor"));
    }
    if (op->service->query_compatible)
        put_header(req, STR("x-amzn-query-mode"), STR("true"));
}

struct err *aws_request_make(const struct aws_operation *op,
                             const struct aws_protocol_options *options,
                             const struct endpoint *endpoint, const void *in, struct arena *a,
                             struct aws_request *ret) {
    enum aws_protocol protocol = options->protocol;
    struct err *err = NULL;
    ret->n_headers = 0;
    ret->body = protocol == AWS_PROTOCOL_JSON ? STR("{}") : STR_NULL;
    if (op->input != NULL) {
        in = with_tokens(op->input, in, options->token, a);
        err = codec_validate(op->input, in, a);
        if (err == NULL)
            err = encode(op, protocol, in, a, &ret->body);
    }
    if (err == NULL)
        err = place(op, protocol, endpoint, in, a, ret);
    if (err != NULL)
        return err;
    put_headers(op, protocol, ret);
    if (op->compressed && ret->body.n >= MIN_COMPRESSED) {
        ret->body = aws_gzip(a, ret->body);
        put_header(ret, STR("Content-Encoding"), STR("gzip"));
    }
    return NULL;
}

/* ---- the answer ---- */

static struct str protocol_header(const struct http_response *resp) {
    return http_response_header(resp, STR("smithy-protocol"));
}

bool aws_response_is_cbor(const struct http_response *resp) {
    return str_eq(protocol_header(resp), STR("rpc-v2-cbor"));
}

struct err *aws_response_read(const struct aws_operation *op, enum aws_protocol protocol,
                              const struct http_response *resp, struct arena *a, void **ret_out) {
    /* Without the header the body may still be CBOR, and the SDKs read it. */
    if (protocol == AWS_PROTOCOL_CBOR && protocol_header(resp).p != NULL &&
        !aws_response_is_cbor(resp))
        return err_new(a, RPC_INTERNAL, "not an answer in RPC v2 CBOR");
    if (op->output == NULL) {
        *ret_out = NULL;
        return NULL;
    }
    void *out = arena_alloc(a, op->output->size);
    struct err *err = protocol == AWS_PROTOCOL_JSON ? json_decode(resp->body, op->output, out, a)
                                                    : cbor_decode(resp->body, op->output, out, a);
    if (err == NULL)
        *ret_out = out;
    return err;
}
