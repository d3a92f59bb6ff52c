// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoint.h"

#include "base/obj.h"

#include <arpa/inet.h>

/* ---- AWS's rules ---- */

struct partition {
    struct str dns;
    struct str dualstack;
};

static const struct partition aws = {STR_INIT("amazonaws.com"), STR_INIT("api.aws")};
static const struct partition aws_cn = {
    STR_INIT("amazonaws.com.cn"),
    STR_INIT("api.amazonwebservices.com.cn"),
};
static const struct partition aws_iso = {STR_INIT("c2s.ic.gov"), STR_INIT("api.aws.ic.gov")};
static const struct partition aws_iso_b = {STR_INIT("sc2s.sgov.gov"), STR_INIT("api.aws.scloud")};
static const struct partition aws_iso_e = {
    STR_INIT("cloud.adc-e.uk"),
    STR_INIT("api.cloud-aws.adc-e.uk"),
};
static const struct partition aws_iso_f = {
    STR_INIT("csp.hci.ic.gov"),
    STR_INIT("api.aws.hci.ic.gov"),
};
static const struct partition aws_eusc = {
    STR_INIT("amazonaws.eu"),
    STR_INIT("api.amazonwebservices.eu"),
};

/*
 * AWS tells partitions apart by patterns "PREFIX-word-digits"; this is the PREFIX of each. The
 * standard partition (us, eu, ap, ...) and aws-us-gov share their suffixes and need no row: what is
 * not found here is standard.
 */
static const struct {
    struct str prefix;
    const struct partition *partition;
} prefixes[] = {
    {STR_INIT("cn"), &aws_cn},         {STR_INIT("us-iso"), &aws_iso},
    {STR_INIT("us-isob"), &aws_iso_b}, {STR_INIT("eu-isoe"), &aws_iso_e},
    {STR_INIT("us-isof"), &aws_iso_f}, {STR_INIT("eusc-de"), &aws_eusc},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "us-isob" of "us-isob-east-1"; empty if the region is not of that form. */
static struct str region_prefix(struct str region) {
    size_t n = region.n;
    while (n > 0 && is_digit(region.p[n - 1]))
        n--;
    if (n == region.n || n == 0 || region.p[n - 1] != '-')
        return STR("");
    size_t word = --n;
    while (n > 0 && is_alnum(region.p[n - 1]))
        n--;
    if (n == word || n == 0 || region.p[n - 1] != '-')
        return STR("");
    return str_sub(region, 0, n - 1);
}

static const struct partition *partition_of(struct str region) {
    struct str prefix = region_prefix(region);
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_eq(prefix, prefixes[i].prefix))
            return prefixes[i].partition;
    return &aws;
}

/*
 * In us-gov the ordinary hosts of these services are the FIPS ones, and there is none with "-fips"
 * in its name, but for dual-stack.
 */
static bool is_fips_by_itself(const struct endpoint_settings *in, struct str region) {
    return !in->use_dualstack && str_eq(region_prefix(region), STR("us-gov")) &&
           (str_eq(in->service, STR("sts")) || str_eq(in->service, STR("sqs")));
}

static bool is_host_label(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= 63 && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

/* ---- errors ---- */

static struct err *refuse(struct arena *a, struct str setting, const char *why) {
    struct err *err = ERR_INVALID(a, STR_FMT " %s", STR_ARG(setting), why);
    err->field = setting;
    return err;
}

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* AWS_ENDPOINT_URL_GAMELIFT */
static struct str service_setting(struct arena *a, struct str service) {
    struct str name = arena_printf(a, "AWS_ENDPOINT_URL_" STR_FMT, STR_ARG(service));
    char *p = (char *)name.p;
    for (size_t i = 0; i < name.n; i++)
        p[i] = is_alnum(p[i]) ? upper(p[i]) : '_';
    return name;
}

/* ---- overrides ---- */

struct url {
    bool https;
    struct str host; /* with the brackets of an IPv6 address */
    struct str port; /* absent without one */
    struct str path; /* "" or from its "/" on */
};

static bool is_ipv6(struct str s) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return strlen(text) == s.n && inet_pton(AF_INET6, text, &address) == 1;
}

/* Underscores are no part of DNS names, but of the names containers have among themselves. */
static bool is_host_name(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        bool inner = i > 0 && i + 1 < s.n;
        if (!is_alnum(s.p[i]) && s.p[i] != '_' && !(inner && (s.p[i] == '-' || s.p[i] == '.')))
            return false;
    }
    return s.n > 0 && s.n <= 253;
}

/* NULL, or what is wrong with the text between "//" and the path. */
static const char *parse_authority(struct str text, struct url *ret) {
    if (str_find(text, '@') < text.n)
        return "must not hold a user name or password";
    size_t end; /* of the host */
    if (text.n > 0 && text.p[0] == '[') {
        end = str_find(text, ']') + 1;
        if (end > text.n || !is_ipv6(str_sub(text, 1, end - 1)))
            return "has no valid IPv6 address between its brackets";
    } else {
        end = str_find(text, ':');
        if (!is_host_name(str_sub(text, 0, end)))
            return "has no valid host name";
    }
    ret->host = str_sub(text, 0, end);
    ret->port = STR_NULL;
    if (end == text.n)
        return NULL;
    int64_t port;
    ret->port = str_from(text, end + 1);
    if (text.p[end] != ':' || !is_digit(text.p[text.n - 1]) || ret->port.n > 5 ||
        !str_to_int64(ret->port, &port) || port < 1 || port > 65535)
        return "has a port that is not between 1 and 65535";
    /* Without leading zeros, so that the Host header is the one every client sends. */
    while (ret->port.p[0] == '0')
        ret->port = str_from(ret->port, 1);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *parse_url(struct str text, struct url *ret) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return "holds a blank or another character that a URL must encode";
    size_t colon = str_find(text, ':');
    struct str scheme = str_sub(text, 0, colon);
    ret->https = str_eq_nocase(scheme, STR("https"));
    if ((!ret->https && !str_eq_nocase(scheme, STR("http"))) ||
        !str_starts(str_from(text, colon), STR("://")))
        return "must start with http:// or https://, as in http://localhost:4566";
    struct str rest = str_from(text, colon + 3);
    if (str_find(rest, '?') < rest.n || str_find(rest, '#') < rest.n)
        return "must not have a query or a fragment";
    size_t slash = str_find(rest, '/');
    ret->path = str_from(rest, slash);
    return parse_authority(str_sub(rest, 0, slash), ret);
}

static void lower_all(struct str s) {
    char *p = (char *)s.p;
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
}

static void finish(struct arena *a, const struct url *url, struct endpoint *ret) {
    bool default_port =
        url->port.p == NULL || str_eq(url->port, url->https ? STR("443") : STR("80"));
    ret->host = default_port
                    ? arena_str(a, url->host)
                    : arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(url->host), STR_ARG(url->port));
    lower_all(ret->host);
    ret->base_path =
        arena_printf(a, STR_FMT "%s", STR_ARG(url->path), str_ends(url->path, STR("/")) ? "" : "/");
    ret->url = arena_printf(a, "%s://" STR_FMT STR_FMT, url->https ? "https" : "http",
                            STR_ARG(ret->host), STR_ARG(ret->base_path));
}

static struct err *resolve_override(struct arena *a, const struct endpoint_settings *in, bool fips,
                                    struct endpoint *ret) {
    bool own = !str_empty(in->service_url);
    struct str setting = own ? service_setting(a, in->service) : STR("AWS_ENDPOINT_URL");
    struct url url;
    const char *fault = parse_url(own ? in->service_url : in->url, &url);
    if (fault != NULL)
        return refuse(a, setting, fault);
    if (in->use_fips)
        return refuse(a, setting, "cannot be combined with AWS_USE_FIPS_ENDPOINT");
    if (fips)
        return refuse(a, setting, "cannot be combined with a FIPS region");
    if (in->use_dualstack)
        return refuse(a, setting, "cannot be combined with AWS_USE_DUALSTACK_ENDPOINT");
    ret->overridden = true;
    finish(a, &url, ret);
    return NULL;
}

/* ---- both ---- */

struct err *endpoint_resolve(struct arena *a, const struct endpoint_settings *in,
                             struct endpoint *ret) {
    struct str region = in->region;
    struct str setting = str_c(in->region_name == NULL ? "the region" : in->region_name);
    bool fips = in->use_fips;
    if (str_empty(region))
        return refuse(a, setting, "is not set");
    if (str_starts(region, STR("fips-"))) {
        region = str_from(region, 5);
        fips = true;
    } else if (str_ends(region, STR("-fips"))) {
        region = str_sub(region, 0, region.n - 5);
        fips = true;
    }
    if (!is_host_label(region))
        return refuse(a, setting, "is not a region name such as eu-west-1");
    struct endpoint found = {.region = arena_str(a, region)};
    if (!in->ignore_urls && (!str_empty(in->service_url) || !str_empty(in->url))) {
        struct err *err = resolve_override(a, in, fips, &found);
        if (err != NULL)
            return err;
    } else {
        const struct partition *p = partition_of(region);
        struct str suffix = in->use_dualstack ? p->dualstack : p->dns;
        const char *mark = fips && !is_fips_by_itself(in, region) ? "-fips" : "";
        struct url url = {
            .https = true,
            .host = arena_printf(a, STR_FMT "%s." STR_FMT "." STR_FMT, STR_ARG(in->service), mark,
                                 STR_ARG(region), STR_ARG(suffix)),
            .path = STR(""),
        };
        finish(a, &url, &found);
    }
    *ret = found;
    return NULL;
}
