// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the two shared files, looked up and turned into a credentials source. What must
 * hold: no overrun, values lie within the text and without blanks around them, errors are one line,
 * and every circle of profiles ends; files with these texts say the same.
 *
 * Input: the config file, then after 0x1E the credentials file. With FILES at its end both are read
 * from files, which takes so long (a megabyte is wiped for each) that it is not done for every
 * input.
 */
#include "aws/credentials_process.h"
#include "aws/credentials_profile.h"
#include "aws/region.h"
#include "aws/sdk_settings.h"
#include "base/obj.h"

#include <sys/mman.h>
#include <unistd.h>

#define SEPARATOR '\x1e'
#define FILES "\036files"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str profiles[] = {STR_INIT("default"), STR_INIT("a"), STR_INIT("b")};
static const char *const keys[] = {"region", "role_arn", "services", "credential_process"};

static void check_err(const struct err *err) {
    ASSERT(err->msg.n > 0 && str_find(err->msg, '\n') == err->msg.n);
}

static void check_value(struct str value) {
    if (value.p == NULL)
        return;
    ASSERT(value.n > 0);
    ASSERT(str_eq(str_trim(value), value));
}

/* A host for a header and a URL for curl: what is taken holds nothing that could break out of them.
 */
static void check_endpoint(struct arena *a, const struct endpoint_settings *settings) {
    struct endpoint found;
    struct err *err = endpoint_resolve(a, settings, &found);
    if (err != NULL) {
        check_err(err);
        return;
    }
    ASSERT(str_starts(found.url, STR("http")) && str_ends(found.url, STR("/")));
    ASSERT(found.host.n > 0 && found.base_path.p[0] == '/' && !str_empty(found.region));
    for (size_t i = 0; i < found.url.n; i++)
        ASSERT(found.url.p[i] > ' ' && found.url.p[i] <= '~');
    for (size_t i = 0; i < found.host.n; i++)
        ASSERT(memchr(" /?#@", found.host.p[i], 5) == NULL);
}

static void check_lookups(struct arena *a, const struct shared_config *config,
                          const struct aws_environment *env) {
    struct endpoint_settings settings;
    struct str profile = aws_profile_name(env);
    struct str region = aws_region_find(env, config);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        check_value(shared_config_lookup(config, profile, keys[i]));
    check_value(region);
    struct err *err = aws_endpoint_settings(a, env, config, STR("gamelift"), region, &settings);
    if (err != NULL)
        check_err(err);
    else
        check_value(settings.service_url);
    if (err == NULL)
        check_endpoint(a, &settings);
}

/* How often requests are tried, and how the client calls itself, which goes into a header. */
static void check_sdk_settings(struct arena *a, const struct shared_config *config,
                               const struct aws_environment *env) {
    struct aws_sdk_settings settings;
    struct err *err = aws_sdk_settings(a, env, config, 3, &settings);
    if (err != NULL) {
        check_err(err);
        return;
    }
    ASSERT(settings.max_attempts >= 1 && settings.max_attempts <= AWS_MAX_ATTEMPTS_MAX);
    const struct aws_user_agent agent = {
        .product = STR("fuzz/1"),
        .execution_env = settings.other_mode,
        .app_id = settings.app_id,
        .credentials = STR("gn"),
    };
    struct str text = aws_user_agent(a, &agent);
    for (size_t i = 0; i < text.n; i++)
        ASSERT(text.p[i] >= ' ' && text.p[i] <= '~');
}

static void check_source(struct arena *a, const struct shared_config *config,
                         const struct aws_environment *env) {
    struct arena *made = arena_new(ARENA_LIMIT_DEFAULT);
    struct aws_plan plan = {.arena = made, .errors = a, .env = env, .config = config};
    struct aws_credentials_source *source = NULL;
    struct err *err = aws_source_profile(&plan, aws_profile_name(env), &source);
    if (err != NULL)
        check_err(err);
    else if (source != NULL)
        ASSERT((source->fixed == NULL) != (source->fetch == NULL));
    arena_free(made);
}

static void check_command(struct arena *a, struct str text) {
    char **argv = aws_command_split(a, text);
    size_t bytes = 0;
    if (argv == NULL)
        return;
    ASSERT(argv[0] != NULL);
    for (; *argv != NULL; argv++)
        bytes += strlen(*argv);
    ASSERT(bytes <= text.n);
}

/* ---- the same from files ---- */

/* In memory and under names of this process's own, "/proc/self/fd/3". */
static int fill(int *fd, struct str text) {
    if (*fd == 0)
        *fd = memfd_create("shared", MFD_CLOEXEC);
    ASSERT(*fd > 0 && ftruncate(*fd, 0) == 0);
    ASSERT(pwrite(*fd, text.p, text.n, 0) == (ssize_t)text.n);
    return *fd;
}

static void check_files(struct arena *a, struct str first, struct str second,
                        const struct shared_config *want) {
    static int fds[2];
    const struct aws_environment env = {
        .home = STR("/proc/self/fd"),
        .config_file = arena_printf(a, "~/%d", fill(&fds[0], first)),
        .shared_credentials_file = arena_printf(a, "/proc/self/fd/%d", fill(&fds[1], second)),
    };
    struct shared_config *config = NULL;
    struct err *err = shared_config_load(a, &env, &config);
    ASSERT((err != NULL) == (want == NULL));
    if (err != NULL)
        check_err(err);
    for (size_t i = 0; i < ARRAY_LEN(profiles) && err == NULL; i++)
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            ASSERT(str_eq(shared_config_lookup(config, profiles[i], keys[k]),
                          shared_config_lookup(want, profiles[i], keys[k])));
    shared_config_free(config);
}

/* Files that are not there say nothing. */
static void check_no_files(struct arena *a) {
    const struct aws_environment nowhere = {.home = STR("/nonexistent")};
    const struct aws_environment homeless = {.profile = STR("a")};
    const struct aws_environment *envs[] = {&nowhere, &homeless};
    for (size_t i = 0; i < ARRAY_LEN(envs); i++) {
        struct shared_config *config = NULL;
        struct err *err = shared_config_load(a, envs[i], &config);
        ASSERT(err == NULL && !shared_config_has_profile(config, STR("a")));
        shared_config_free(config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char empty[1];
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct shared_config *config = NULL;
    struct str text = str_n(size > 0 ? (const char *)data : empty, size);
    bool by_files = str_ends(text, STR(FILES));
    if (by_files)
        text.n -= strlen(FILES);
    const struct shared_config_text first = {str_sub(text, 0, str_find(text, SEPARATOR)), "one"};
    const struct shared_config_text second = {str_from(text, first.text.n + 1), "two"};
    struct err *err = shared_config_parse(a, &first, &second, &config);
    if (err != NULL)
        check_err(err);
    for (size_t i = 0; i < ARRAY_LEN(profiles) && err == NULL; i++) {
        const struct aws_environment env = {
            .profile = profiles[i],
            .access_key_id = STR("AK"),
            .container_relative_uri = STR("/x"),
        };
        check_lookups(a, config, &env);
        check_sdk_settings(a, config, &env);
        check_source(a, config, &env);
    }
    check_command(a, first.text);
    if (by_files) {
        check_files(a, first.text, second.text, err == NULL ? config : NULL);
        check_no_files(a);
    }
    shared_config_free(config);
    arena_free(a);
    return 0;
}
