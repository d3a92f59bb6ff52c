// SPDX-License-Identifier: Apache-2.0
/* Keys leave nothing behind in the memory of the process. */
#include "unit/unit.h"

#include "aws/signing_key.h"
#include "base/secret.h"

#include <stdlib.h>
#include <sys/random.h>

#define KEY_BYTES 40
#define MASK 0x5a /* over what is looked for, so that it is not found where it is remembered */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_SCAN false
#else
#define CAN_SCAN true
#endif

static struct arena *arena;
static unsigned char masked[KEY_BYTES];

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void skip_unless_scanning(void) {
    if (CAN_SCAN)
        return;
    print_message("skipped: a sanitizer has terabytes of its own\n");
    skip();
}

/* Writes a new key of printable characters, and remembers it. */
static void new_key(char key[KEY_BYTES]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";
    assert_int_equal(getrandom(key, KEY_BYTES, 0), KEY_BYTES);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        key[i] = digits[(unsigned char)key[i] % 64];
        masked[i] = (unsigned char)key[i] ^ MASK;
    }
}

static size_t count_in(const unsigned char *p, const unsigned char *end, size_t n) {
    size_t found = 0;
    for (; p + n <= end; p++) {
        size_t i = 0;
        while (i < n && (p[i] ^ MASK) == masked[i])
            i++;
        found += i == n;
    }
    return found;
}

/* How often the first n bytes of what is remembered lie in memory that the process can write. */
static size_t copies(size_t n) {
    char line[512];
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long begin;
        unsigned long end;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3 && rights[0] == 'r' &&
            rights[1] == 'w')
            found += count_in((const unsigned char *)begin, (const unsigned char *)end, n);
    }
    fclose(maps);
    return found;
}

static void a_secret_is_gone_once_it_is_freed(void **state) {
    char key[KEY_BYTES];
    (void)state;
    skip_unless_scanning();
    new_key(key);
    assert_in_range(copies(KEY_BYTES), 1, 2); /* the search works */
    struct secret secret = secret_new(str_n(key, sizeof key));
    explicit_bzero(key, sizeof key);
    assert_int_equal(copies(KEY_BYTES), 1);
    secret_free(&secret);
    assert_false(secret_present(&secret));
    assert_int_equal(copies(KEY_BYTES), 0);
    assert_int_equal(copies(12), 0);
}

static void what_was_signed_with_leaves_nothing_behind(void **state) {
    static const char *const names[] = {"id", "secret", "token"};
    char key[KEY_BYTES];
    struct aws_credentials creds;
    struct sigv4_key derived;
    (void)state;
    skip_unless_scanning();
    new_key(key);
    assert_null(aws_credentials_init(&creds, arena, names, STR("AKIDEXAMPLE"),
                                     str_n(key, sizeof key), STR_NULL, AWS_CREDENTIALS_NEVER));
    explicit_bzero(key, sizeof key);
    struct digest *digest = digest_new();
    struct signing_keys *keys = signing_keys_new();
    const struct sigv4_scope scope = {.time = sigv4_time_at(1700000000000000),
                                      .region = STR("us-east-1"),
                                      .service = STR("gamelift")};
    derived = *signing_keys_get(keys, digest, &scope, &creds);
    assert_in_range(copies(KEY_BYTES), 1, 2);
    aws_credentials_clear(&creds);
    signing_keys_free(keys);
    digest_free(digest);
    assert_int_equal(copies(KEY_BYTES), 0);
    /* Nor the key that was derived. */
    for (size_t i = 0; i < sizeof derived.bytes; i++)
        masked[i] = derived.bytes[i] ^ MASK;
    explicit_bzero(&derived, sizeof derived);
    assert_int_equal(copies(sizeof derived.bytes), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_secret_is_gone_once_it_is_freed),
        TEST(what_was_signed_with_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
