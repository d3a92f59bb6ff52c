// SPDX-License-Identifier: Apache-2.0
/* An HTTP request as the stand-ins see it: views into the exchange's arena. */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include "http/http.h"

#define SIM_MAX_BODY ((size_t)4 << 20) /* bytes of a request */
#define SIM_MAX_HEADERS 100

struct sim_request {
    struct str method;
    struct str path;                   /* as sent, still percent-encoded */
    struct str query;                  /* as sent, without '?'; absent without one */
    const struct http_header *headers; /* in order of arrival */
    size_t n_headers;
    struct str body;
};

/* First header of that name, in any case; absent if there is none. */
struct str sim_request_header(const struct sim_request *req, struct str name);

#endif
