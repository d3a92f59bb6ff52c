// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials.h"

#include "base/obj.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- one set of keys ---- */

static uint64_t next_identity(void) {
    static _Atomic uint64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

/* The value itself stays out of the message, whatever it is. */
static struct err *check_value(struct arena *a, const char *name, struct str value, size_t max,
                               const char *forbidden) {
    if (value.n > max)
        return ERR_INVALID(a, "%s is longer than %zu bytes", name, max);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= ' ' || value.p[i] > '~')
            return ERR_INVALID(a, "%s holds a blank, a line end or another character no key has",
                               name);
        if (strchr(forbidden, value.p[i]) != NULL)
            return ERR_INVALID(a, "%s holds a '%c'", name, value.p[i]);
    }
    return NULL;
}

struct err *aws_credentials_init(struct aws_credentials *c, struct arena *a,
                                 const char *const names[3], struct str id, struct str secret,
                                 struct str token, int64_t expiry_ms) {
    struct err *err;
    if (str_empty(id))
        return ERR_INVALID(a, "%s is not set, but %s is", names[0], names[1]);
    if (str_empty(secret))
        return ERR_INVALID(a, "%s is not set, but %s is", names[1], names[0]);
    /* The id stands between '=' , '/' and ',' in the Authorization header. */
    if ((err = check_value(a, names[0], id, AWS_ACCESS_KEY_ID_MAX, "/,=")) != NULL ||
        (err = check_value(a, names[1], secret, AWS_SECRET_ACCESS_KEY_MAX, "")) != NULL ||
        (err = check_value(a, names[2], token, AWS_SESSION_TOKEN_MAX, "")) != NULL)
        return err;
    char *copy = malloc(id.n + 1);
    if (copy == NULL)
        obj_panic(__FILE__, __LINE__, "out of memory");
    memcpy(copy, id.p, id.n);
    copy[id.n] = '\0';
    *c = (struct aws_credentials){
        .access_key_id = str_n(copy, id.n),
        .secret_access_key = secret_new(secret),
        .session_token = secret_new(token),
        .expiry_ms = expiry_ms,
        .identity = next_identity(),
    };
    return NULL;
}

void aws_credentials_clear(struct aws_credentials *c) {
    free((char *)c->access_key_id.p);
    secret_free(&c->secret_access_key);
    secret_free(&c->session_token);
    *c = (struct aws_credentials){.identity = 0};
}

/* ---- the seam ---- */

const struct aws_credentials *aws_credentials_peek(struct aws_credentials_provider *provider) {
    OBJ_CHECK(provider, AWS_CREDENTIALS_PROVIDER_MAGIC);
    return provider->peek(provider);
}

void aws_credentials_get(struct aws_credentials_provider *provider, struct ctx *ctx,
                         aws_credentials_fn *fn, void *priv) {
    OBJ_CHECK(provider, AWS_CREDENTIALS_PROVIDER_MAGIC);
    AN(provider->get);
    provider->get(provider, ctx, fn, priv);
}

bool aws_credentials_expired(struct aws_credentials_provider *provider, uint64_t identity) {
    OBJ_CHECK(provider, AWS_CREDENTIALS_PROVIDER_MAGIC);
    return provider->expired != NULL && provider->expired(provider, identity);
}

void aws_credentials_provider_free(struct aws_credentials_provider *provider) {
    if (provider == NULL)
        return;
    OBJ_CHECK(provider, AWS_CREDENTIALS_PROVIDER_MAGIC);
    provider->free(provider);
}
