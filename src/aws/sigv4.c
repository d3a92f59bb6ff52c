// SPDX-License-Identifier: Apache-2.0
/* Stages 2 and 3 of SigV4, the date, and the Authorization header both ways. */
#include "aws/sigv4.h"

#include "base/obj.h"

#include <openssl/crypto.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define LAST_SECOND 253402300799 /* of the year 9999 */

/* ---- date ---- */

static void put_digits(char *p, int width, int value) {
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

struct sigv4_time sigv4_time_at(int64_t real_us) {
    struct sigv4_time t = {.stamp = "00000000T000000Z"};
    struct tm tm;
    time_t seconds = (time_t)(real_us / 1000000);
    ASSERT(seconds >= 0 && seconds <= LAST_SECOND);
    AN(gmtime_r(&seconds, &tm));
    put_digits(t.stamp, 4, tm.tm_year + 1900);
    put_digits(t.stamp + 4, 2, tm.tm_mon + 1);
    put_digits(t.stamp + 6, 2, tm.tm_mday);
    put_digits(t.stamp + 9, 2, tm.tm_hour);
    put_digits(t.stamp + 11, 2, tm.tm_min);
    put_digits(t.stamp + 13, 2, tm.tm_sec);
    return t;
}

static bool is_digits(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static int number(struct str s, size_t from, size_t to) {
    int value = 0;
    for (size_t i = from; i < to; i++)
        value = value * 10 + (s.p[i] - '0');
    return value;
}

bool sigv4_time_parse(struct str stamp, struct sigv4_time *ret, int64_t *ret_unix_s) {
    struct sigv4_time t;
    if (stamp.n != sizeof t.stamp - 1 || stamp.p[8] != 'T' || stamp.p[15] != 'Z' ||
        !is_digits(str_sub(stamp, 0, 8)) || !is_digits(str_sub(stamp, 9, 15)))
        return false;
    struct tm tm = {
        .tm_year = number(stamp, 0, 4) - 1900,
        .tm_mon = number(stamp, 4, 6) - 1,
        .tm_mday = number(stamp, 6, 8),
        .tm_hour = number(stamp, 9, 11),
        .tm_min = number(stamp, 11, 13),
        .tm_sec = number(stamp, 13, 15),
    };
    time_t seconds = timegm(&tm);
    if (seconds < 0 || seconds > LAST_SECOND)
        return false;
    /* timegm accepts the 31st of February; written back, such a date is another one. */
    t = sigv4_time_at((int64_t)seconds * 1000000);
    if (!str_eq(str_c(t.stamp), stamp))
        return false;
    *ret = t;
    *ret_unix_s = seconds;
    return true;
}

/* ---- stages 2 and 3 ---- */

static void put_scope(struct buf *out, const struct sigv4_scope *scope) {
    buf_putstr(out, sigv4_date(&scope->time));
    buf_putc(out, '/');
    buf_putstr(out, scope->region);
    buf_putc(out, '/');
    buf_putstr(out, scope->service);
    buf_puts(out, "/" TERMINATOR);
}

void sigv4_string_to_sign(struct buf *out, struct digest *digest, const struct sigv4_scope *scope,
                          const struct buf *canonical) {
    if (canonical->failed) {
        out->failed = true;
        return;
    }
    char hash[DIGEST_HEX_SIZE];
    digest_sha256_hex(digest, buf_str(canonical), hash);
    buf_puts(out, ALGORITHM "\n");
    buf_puts(out, scope->time.stamp);
    buf_putc(out, '\n');
    put_scope(out, scope);
    buf_putc(out, '\n');
    buf_put(out, hash, DIGEST_HEX);
}

void sigv4_sign(struct buf *out, struct digest *digest, const struct sigv4_key *key,
                const struct buf *string_to_sign) {
    if (string_to_sign->failed) {
        out->failed = true;
        return;
    }
    unsigned char mac[DIGEST_SIZE];
    digest_hmac(digest, str_n((const char *)key->bytes, sizeof key->bytes), buf_str(string_to_sign),
                mac);
    buf_puthex(out, mac, sizeof mac);
}

/* ---- the header ---- */

void sigv4_authorization(struct buf *out, struct str access_key_id, const struct sigv4_scope *scope,
                         const struct buf *canonical, const struct buf *signature) {
    if (canonical->failed || signature->failed) {
        out->failed = true;
        return;
    }
    buf_puts(out, ALGORITHM " Credential=");
    buf_putstr(out, access_key_id);
    buf_putc(out, '/');
    put_scope(out, scope);
    buf_puts(out, ", SignedHeaders=");
    buf_putstr(out, sigv4_signed_headers(canonical));
    buf_puts(out, ", Signature=");
    buf_putstr(out, buf_str(signature));
}

/* Cuts the text before the first c off *rest, which then starts behind the c. */
static struct str cut(struct str *rest, char c) {
    struct str head = str_sub(*rest, 0, str_find(*rest, c));
    *rest = str_from(*rest, head.n + 1);
    return head;
}

static bool parse_scope(struct str text, struct sigv4_credential *ret) {
    ret->access_key_id = cut(&text, '/');
    ret->date = cut(&text, '/');
    ret->region = cut(&text, '/');
    ret->service = cut(&text, '/');
    return ret->access_key_id.n > 0 && ret->date.n == 8 && is_digits(ret->date) &&
           ret->region.n > 0 && ret->service.n > 0 && str_eq(text, STR(TERMINATOR));
}

static bool is_signature(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == DIGEST_HEX;
}

bool sigv4_authorization_parse(struct str value, struct sigv4_credential *ret) {
    struct sigv4_credential c = {.date = STR_NULL};
    bool scope_ok = false;
    if (!str_eq(cut(&value, ' '), STR(ALGORITHM)))
        return false;
    while (value.n > 0) {
        struct str part = str_trim(cut(&value, ','));
        struct str name = cut(&part, '=');
        if (str_eq(name, STR("Credential")) && c.access_key_id.p == NULL)
            scope_ok = parse_scope(part, &c);
        else if (str_eq(name, STR("SignedHeaders")) && c.signed_headers.p == NULL)
            c.signed_headers = part;
        else if (str_eq(name, STR("Signature")) && c.signature.p == NULL)
            c.signature = part;
        else
            return false;
    }
    if (!scope_ok || c.signed_headers.n == 0 || !is_signature(c.signature))
        return false;
    *ret = c;
    return true;
}

bool sigv4_signature_equal(struct str a, struct str b) {
    return a.n == DIGEST_HEX && b.n == DIGEST_HEX && CRYPTO_memcmp(a.p, b.p, DIGEST_HEX) == 0;
}
