// SPDX-License-Identifier: Apache-2.0
#include "aws/skew.h"

#include "aws/error.h"
#include "base/clock.h"

#include <curl/curl.h>

#define LIMIT_US ((int64_t)240 * 1000000) /* less than that is nothing that AWS minds */
/* Years from 2000 to 2999. What is signed with must have a date of four digits, and a peer's clock
 * that says otherwise is the one that is wrong. */
#define FIRST_S INT64_C(946684800)
#define LAST_S INT64_C(32503679999)

bool aws_skew_correct(const struct http_response *resp, const struct err *err, int64_t sent_us,
                      int64_t *skew_us) {
    struct str date = http_response_header(resp, STR("date"));
    /* With an age, the date is a cache's. */
    if (!aws_error_is_clock_skew(err) || date.p == NULL ||
        http_response_header(resp, STR("age")).p != NULL)
        return false;
    time_t server = curl_getdate(date.p, NULL);
    if (server < FIRST_S || server > LAST_S)
        return false;
    int64_t skew = (int64_t)server * 1000000 - clock_real_us();
    int64_t changed = skew - sent_us;
    if (changed > -LIMIT_US && changed < LIMIT_US)
        return false;
    *skew_us = skew;
    return true;
}
