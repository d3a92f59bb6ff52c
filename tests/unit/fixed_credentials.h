// SPDX-License-Identifier: Apache-2.0
/* Credentials that are there from the beginning and never change, for tests of what signs with
 * them. */
#ifndef UNIT_FIXED_CREDENTIALS_H
#define UNIT_FIXED_CREDENTIALS_H

#include "aws/credentials.h"
#include "base/obj.h"

#include <stdlib.h>

struct fixed_credentials {
    struct aws_credentials_provider base;
    struct aws_credentials creds;
};

static inline const struct aws_credentials *fixed_credentials_peek(
    struct aws_credentials_provider *provider) {
    return &CONTAINER_OF(provider, struct fixed_credentials, base)->creds;
}

static inline void fixed_credentials_free(struct aws_credentials_provider *provider) {
    struct fixed_credentials *f = CONTAINER_OF(provider, struct fixed_credentials, base);
    aws_credentials_clear(&f->creds);
    free(f);
}

/* An error names the variable whose value no key can have. aws_credentials_provider_free() frees
 * it. */
static inline struct err *fixed_credentials_new(struct arena *a, struct str id, struct str secret,
                                                struct str token,
                                                struct aws_credentials_provider **ret) {
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    };
    struct aws_credentials creds;
    struct err *err =
        aws_credentials_init(&creds, a, names, id, secret, token, AWS_CREDENTIALS_NEVER);
    if (err != NULL)
        return err;
    struct fixed_credentials *f = calloc(1, sizeof *f);
    AN(f);
    f->base = (struct aws_credentials_provider){
        .magic = AWS_CREDENTIALS_PROVIDER_MAGIC,
        .peek = fixed_credentials_peek,
        .free = fixed_credentials_free,
    };
    f->creds = creds;
    *ret = &f->base;
    return NULL;
}

#endif
