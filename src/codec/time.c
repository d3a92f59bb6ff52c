// SPDX-License-Identifier: Apache-2.0
#include "codec/time.h"

#include <stdio.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

#define FIRST_SECOND INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

size_t codec_time_print(char out[CODEC_TIME_TEXT], int64_t ms, enum codec_time_format format) {
    int64_t seconds = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
    int fraction = (int)(ms - seconds * 1000);
    struct tm tm;
    time_t t = (time_t)seconds;
    int n;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || gmtime_r(&t, &tm) == NULL)
        return 0;
    if (format == CODEC_TIME_HTTP_DATE)
        n = snprintf(out, CODEC_TIME_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                     tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                     tm.tm_sec);
    else if (fraction == 0)
        n = snprintf(out, CODEC_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    else
        n = snprintf(out, CODEC_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
    return n > 0 && n < CODEC_TIME_TEXT ? (size_t)n : 0;
}

/* What is left to read; `bad` is sticky. */
struct scan {
    struct str rest;
    bool bad;
};

static void expect(struct scan *s, const char *text) {
    if (str_starts(s->rest, str_c(text)))
        s->rest = str_from(s->rest, strlen(text));
    else
        s->bad = true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Exactly n digits, at most 4. */
static int number(struct scan *s, size_t n) {
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->bad || s->rest.n == 0 || !is_digit(s->rest.p[0])) {
            s->bad = true;
            return 0;
        }
        value = value * 10 + (s->rest.p[0] - '0');
        s->rest = str_from(s->rest, 1);
    }
    return value;
}

/* ".123456", or nothing; milliseconds. */
static int fraction(struct scan *s) {
    int value = 0;
    int scale = 100;
    if (s->rest.n == 0 || s->rest.p[0] != '.')
        return 0;
    s->rest = str_from(s->rest, 1);
    if (s->rest.n == 0 || !is_digit(s->rest.p[0]))
        s->bad = true;
    for (; s->rest.n > 0 && is_digit(s->rest.p[0]); s->rest = str_from(s->rest, 1)) {
        value += (s->rest.p[0] - '0') * scale;
        scale /= 10;
    }
    return value;
}

static int name(struct scan *s, const char names[][4], int n) {
    for (int i = 0; i < n; i++)
        if (str_starts(s->rest, str_c(names[i]))) {
            s->rest = str_from(s->rest, 3);
            return i;
        }
    s->bad = true;
    return 0;
}

static void clock_time(struct scan *s, struct tm *tm, int *ms) {
    tm->tm_hour = number(s, 2);
    expect(s, ":");
    tm->tm_min = number(s, 2);
    expect(s, ":");
    tm->tm_sec = number(s, 2);
    *ms = fraction(s);
}

/* "Z", or "+01:00" as seconds east of UTC. */
static int offset(struct scan *s) {
    int sign = 1;
    if (str_starts(s->rest, STR("Z")) || str_starts(s->rest, STR("z"))) {
        s->rest = str_from(s->rest, 1);
        return 0;
    }
    if (str_starts(s->rest, STR("-"))) {
        sign = -1;
        expect(s, "-");
    } else {
        expect(s, "+");
    }
    int hours = number(s, 2);
    expect(s, ":");
    int minutes = number(s, 2);
    if (hours > 23 || minutes > 59)
        s->bad = true;
    return sign * (hours * 3600 + minutes * 60);
}

static int days_of(int month, int year) {
    static const int count[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 1 && leap ? 29 : count[month];
}

bool codec_time_parse(struct str text, int64_t *ret_ms) {
    struct scan s = {.rest = text};
    struct tm tm = {.tm_year = 0};
    int ms = 0;
    int east = 0;
    if (text.n > 0 && is_digit(text.p[0])) {
        tm.tm_year = number(&s, 4) - 1900;
        expect(&s, "-");
        tm.tm_mon = number(&s, 2) - 1;
        expect(&s, "-");
        tm.tm_mday = number(&s, 2);
        expect(&s, str_starts(s.rest, STR("t")) ? "t" : "T");
        clock_time(&s, &tm, &ms);
        east = offset(&s);
    } else {
        (void)name(&s, days, 7);
        expect(&s, ", ");
        tm.tm_mday = number(&s, 2);
        expect(&s, " ");
        tm.tm_mon = name(&s, months, 12);
        expect(&s, " ");
        tm.tm_year = number(&s, 4) - 1900;
        expect(&s, " ");
        clock_time(&s, &tm, &ms);
        expect(&s, " GMT");
    }
    if (s.bad || s.rest.n > 0 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
        tm.tm_mday > days_of(tm.tm_mon, tm.tm_year + 1900) || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return false;
    int64_t seconds = (int64_t)timegm(&tm) - east;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) /* could not be written again */
        return false;
    *ret_ms = seconds * 1000 + ms;
    return true;
}
