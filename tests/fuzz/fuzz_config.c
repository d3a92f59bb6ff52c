// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as settings. What must hold: no overrun; an error is one line that names a variable; of
 * what is taken, nothing that is a secret is printed.
 *
 * Input: lines; the first byte of each chooses a variable, the rest is its value. What is required
 * is there unless a line before says otherwise.
 */
#include "config.h"
#include "environment.h"
#include "settings.h"

#include <stdlib.h>

#define MAX_LINES 8
#define SECRET "hush-hush-hush"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    struct str value;
} usual[] = {
    {"AB_BASE_URL", STR_INIT("https://studio-game.example.test")},
    {"AB_CLIENT_ID", STR_INIT("client-1")},
    {"AB_CLIENT_SECRET", STR_INIT(SECRET)},
    {"AB_NAMESPACE", STR_INIT("studio-game")},
    {"AWS_REGION", STR_INIT("us-east-1")},
};

static void set(struct arena *a, struct str line) {
    if (line.n == 0 || memchr(line.p, '\0', line.n) != NULL)
        return;
    environment_put(a, settings[(unsigned char)line.p[0] % n_settings].name, str_from(line, 1));
}

/* The secret is a guess away from a fuzzer that looks at comparisons. */
static bool was_guessed(const uint8_t *data, size_t size) {
    return memmem(data, size, SECRET, strlen(SECRET)) != NULL;
}

static void print(const struct config *config) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    ASSERT(out != NULL);
    config_print(out, config);
    fclose(out);
    ASSERT(strstr(text, SECRET) == NULL);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (was_guessed(data, size))
        return 0;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str rest = str_n((const char *)data, size);
    struct config config;
    memset(&config, 0, sizeof config);
    environment_clear();
    for (int i = 0; i < MAX_LINES && rest.n > 0; i++) {
        struct str line = str_sub(rest, 0, str_find(rest, '\n'));
        set(a, line);
        rest = str_from(rest, line.n + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        environment_put(a, usual[i].name, usual[i].value);
    struct err *err = config_load(a, &config);
    if (err != NULL)
        ASSERT(err->code == RPC_INVALID_ARGUMENT && err->msg.n > 0 &&
               str_find(err->msg, '\n') == err->msg.n);
    else
        print(&config);
    config_clear(&config);
    environment_clear();
    arena_free(a);
    return 0;
}
