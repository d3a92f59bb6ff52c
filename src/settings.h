// SPDX-License-Identifier: Apache-2.0
/*
 * The table of settings: one row for each variable of the environment. config.c reads the
 * environment by it, and --help, --print-config and the documentation's test show it.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

enum setting_kind {
    SETTING_STRING,
    SETTING_SECRET,
    SETTING_URL,
    SETTING_INT,
    SETTING_BOOL,
    SETTING_LOG_LEVEL,
    SETTING_CHOICE,
    SETTING_AWS,
    SETTING_AWS_SECRET
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    bool required;
    const char *fallback; /* NULL: none */
    int min;              /* SETTING_INT */
    int max;
    const char *choices[2]; /* SETTING_CHOICE */
    const char *meaning;
    const char *example; /* for the message about a missing one */
};

extern const struct setting settings[]; /* in the order in which they are shown */
extern const size_t n_settings;

#endif
