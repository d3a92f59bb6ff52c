// SPDX-License-Identifier: Apache-2.0
/*
 * Runs one case of a suite, given by its number: makes the request and prints its parts, or reads
 * the response and says whether the expected value came out. What a request should look like is
 * run.py's to judge.
 */
#include "tests/conformance/driver.h"

#include "aws/error.h"
#include "base/buf.h"
#include "tests/conformance/same.h"

#include <stdio.h>
#include <stdlib.h>

static void fixed_token(char ret[RANDOM_UUID_SIZE]) {
    memcpy(ret, "00000000-0000-4000-8000-000000000000", RANDOM_UUID_SIZE);
}

static void print_hex(const char *what, struct str s) {
    printf("%s ", what);
    for (size_t i = 0; i < s.n; i++)
        printf("%02x", (unsigned)(unsigned char)s.p[i]);
    printf("\n");
}

static struct err *request(const struct conformance_case *c, enum aws_protocol protocol,
                           struct arena *a) {
    const struct endpoint_settings settings = {
        .service = c->op->service->endpoint_prefix,
        .region = STR("us-east-1"),
        .url = str_c(c->endpoint),
    };
    const struct aws_protocol_options options = {.protocol = protocol, .token = fixed_token};
    struct endpoint endpoint;
    struct aws_request req = {.n_headers = 0};
    struct err *err = endpoint_resolve(a, &settings, &endpoint);
    if (err == NULL)
        err = aws_request_make(c->op, &options, &endpoint, c->in, a, &req);
    if (err != NULL)
        return err;
    printf("url " STR_FMT "\npath " STR_FMT "\n", STR_ARG(req.url), STR_ARG(req.path));
    for (size_t i = 0; i < req.n_headers; i++)
        printf("header " STR_FMT ": " STR_FMT "\n", STR_ARG(req.headers[i].name),
               STR_ARG(req.headers[i].value));
    if (req.body.p != NULL)
        print_hex("body", req.body);
    return NULL;
}

static void compare(const struct conformance_case *c, const void *got, struct arena *a) {
    if (c->shape == NULL)
        return;
    const char *path = same_value(c->shape, c->expected, got, a);
    if (path != NULL)
        printf("differs %s\n", path);
}

static struct err *response(const struct conformance_case *c, enum aws_protocol protocol,
                            struct arena *a) {
    if (c->is_error) {
        struct err *got = aws_error_from_response(a, c->op, protocol, &c->response);
        print_hex("code", got->type);
        print_hex("message", got->detail);
        compare(c, c->shape == NULL ? NULL : aws_error_value(got, c->shape), a);
        return NULL;
    }
    void *out = NULL;
    struct err *err = aws_response_read(c->op, protocol, &c->response, a, &out);
    if (err == NULL)
        compare(c, out, a);
    return err;
}

int main(int argc, char **argv) {
    size_t i = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : n_conformance_cases;
    if (i >= n_conformance_cases) {
        fprintf(stderr, "usage: %s NUMBER\n", argv[0]);
        return 2;
    }
    const struct conformance_case *c = &conformance_cases[i];
    enum aws_protocol protocol = aws_protocol_of(c->op->service, c->wanted);
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct err *err = c->endpoint != NULL ? request(c, protocol, a) : response(c, protocol, a);
    if (err != NULL)
        printf("refused " STR_FMT "\n", STR_ARG(err->msg));
    arena_free(a);
    return 0;
}
