// SPDX-License-Identifier: Apache-2.0
/* cmocka, and what every unit test needs beside it. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A test with an arena of its own: the file defines set_up and tear_down. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A str that may not be NUL-terminated, against a C string. */
#define assert_str(s, want) unit_assert_str((s), (want), __FILE__, __LINE__)

static inline void unit_assert_str(struct str s, const char *want, const char *file, int line) {
    if (s.p == NULL || !str_eq(s, str_c(want))) {
        print_error("got:  " STR_FMT "\nwant: %s\n", STR_ARG(s), want);
        _fail(file, line);
    }
}

#endif
