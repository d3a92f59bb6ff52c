// SPDX-License-Identifier: Apache-2.0
/*
 * A scripted HTTP client: the test lists the requests that must come, in order, and what each is
 * answered. Anything else fails the test at once. Answers come from the loop, after a delay on the
 * clock that the test may hold; fake_settle runs the loop until nothing is due any more.
 */
#ifndef UNIT_FAKE_HTTP_H
#define UNIT_FAKE_HTTP_H

#include "base/loop.h"
#include "http/http.h"

#define FAKE_HEADERS 6
#define FAKE_NEVER ((int64_t)-1)

struct fake_exchange {
    const char *request;               /* "GET http://host/path" */
    const char *body;                  /* exact text; NULL: any */
    const char *headers[FAKE_HEADERS]; /* "Name: value" must be there, as "Name: val*" with any end;
                                          "!Name" must not; NULL ends */
    bool proxy_allowed;                /* else the request must say no_proxy */
    bool any_proxy;                    /* do not look at it */
    int status;                        /* of the answer; 0: a transport fault */
    const char *reply;                 /* body, or the fault's text; NULL: empty */
    const char *reply_header;          /* "Name: value" or NULL */
    int64_t delay_ms;                  /* FAKE_NEVER: no answer */
};

struct fake_http;

struct fake_http *fake_http_new(struct loop *loop);

/* Fails the test if a listed request did not come. */
void fake_http_free(struct fake_http *fake);

struct http_client *fake_http_client(struct fake_http *fake);

/* Appends to the script; the texts must stay. */
void fake_http_expect(struct fake_http *fake, const struct fake_exchange *list, size_t n);

/* Listed and not yet come. */
size_t fake_http_left(const struct fake_http *fake);
/* Come and neither answered nor ended. */
size_t fake_http_running(const struct fake_http *fake);

/* The body of the request that came last. */
struct str fake_http_body(const struct fake_http *fake);
/* A header of it; absent if it had none. */
struct str fake_http_header(const struct fake_http *fake, const char *name);

/* Runs the loop until all that is due on the clock has been done. */
void fake_settle(struct loop *loop);

/* Moves the held clock (both of its hands) and settles. */
void fake_advance(struct loop *loop, int64_t ms);

#endif
