// SPDX-License-Identifier: Apache-2.0
#include "http/backoff.h"

#include "base/clock.h"

#include <curl/curl.h>

#define WISH_MAX_MS INT64_C(3600000)
#define DATE_MAX 64 /* bytes; HTTP's dates have 29 to 33 */

int64_t backoff_ms(int64_t base_ms, int64_t cap_ms, int retry, double random) {
    int64_t ceiling = base_ms;
    for (int i = 1; i < retry && ceiling < cap_ms; i++)
        ceiling *= 2;
    if (ceiling > cap_ms)
        ceiling = cap_ms;
    return (int64_t)(random * (double)ceiling);
}

/* Seconds from now until an HTTP date; -1 for anything else and for the past. */
static int64_t seconds_until(struct str date) {
    char text[DATE_MAX]; /* libcurl wants it ended by a zero byte */
    if (date.n >= sizeof text)
        return -1;
    memcpy(text, date.p, date.n);
    text[date.n] = '\0';
    time_t when = curl_getdate(text, NULL);
    return when == (time_t)-1 ? -1 : (int64_t)when - clock_real_us() / 1000000;
}

int64_t backoff_wished_ms(const struct http_response *resp) {
    int64_t value;
    struct str ms = http_response_header(resp, STR("x-amz-retry-after"));
    struct str seconds = http_response_header(resp, STR("retry-after"));
    if (ms.p != NULL && str_to_int64(ms, &value) && value >= 0)
        return value < WISH_MAX_MS ? value : WISH_MAX_MS;
    if (seconds.p == NULL)
        return -1;
    if (!str_to_int64(seconds, &value))
        value = seconds_until(seconds);
    if (value < 0)
        return -1;
    return value < WISH_MAX_MS / 1000 ? value * 1000 : WISH_MAX_MS;
}
