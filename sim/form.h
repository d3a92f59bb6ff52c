// SPDX-License-Identifier: Apache-2.0
/* Percent-encoding and HTML forms (application/x-www-form-urlencoded), as a server reads them. */
#ifndef SIM_FORM_H
#define SIM_FORM_H

#include "base/buf.h"
#include "base/err.h"

#define FORM_MAX_FIELDS 100

struct form_field {
    struct str name;
    struct str value; /* present, maybe empty */
};

struct form {
    struct form_field *v; /* in order, names maybe twice */
    size_t n;
};

/*
 * "%41" to "A", and "+" to a blank where that is asked for; false for a bad escape. The result is
 * in the arena; it may hold any byte.
 */
bool form_unescape(struct str text, bool plus, struct arena *a, struct str *ret);

/* INVALID_ARGUMENT for a bad escape or too many fields. */
struct err *form_parse(struct str text, struct arena *a, struct form *ret) MUST_CHECK;

/* The first of that name; absent if there is none. */
struct str form_get(const struct form *form, const char *name);

#endif
