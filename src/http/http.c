// SPDX-License-Identifier: Apache-2.0
#include "http/http.h"

struct str http_response_header(const struct http_response *resp, struct str name) {
    for (size_t i = 0; i < resp->n_headers; i++)
        if (str_eq_nocase(resp->headers[i].name, name))
            return resp->headers[i].value;
    return STR_NULL;
}
