// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_file.h"

#include "aws/credentials_environment.h"
#include "base/obj.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err *failure(struct arena *a, const char *what, struct str path, const char *why) {
    return err_new(a, RPC_INTERNAL, "%s: cannot read " STR_FMT ": %s", what,
                   STR_ARG(aws_shown(a, path)), why);
}

/* To the end or to max + 1 bytes; -1 with errno. The size is not asked for: it may change. */
static ssize_t read_all(int fd, char *p, size_t max) {
    size_t n = 0;
    while (n <= max) {
        ssize_t got = read(fd, p + n, max + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

struct err *aws_file_read(struct arena *a, const char *what, struct str path, size_t max,
                          int *ret_errno, struct buf *ret) {
    struct stat st;
    struct err *err = NULL;
    int open_errno = 0;
    ssize_t n = 0;
    /* One block of the full size, so that growing leaves no copies of a secret behind. */
    char *p = malloc(max + 1);
    AN(p);
    int fd = open(arena_cstr(a, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        open_errno = errno;
        err = failure(a, what, path, strerror(errno));
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err = failure(a, what, path, "it is not a regular file");
    } else if ((n = read_all(fd, p, max)) < 0) {
        err = failure(a, what, path, strerror(errno));
    } else if ((size_t)n > max) {
        err = failure(a, what, path, arena_printf(a, "it is larger than %zu bytes", max).p);
    }
    if (fd >= 0)
        close(fd);
    if (ret_errno != NULL)
        *ret_errno = open_errno;
    if (err != NULL) {
        explicit_bzero(p, max + 1);
        free(p);
        return err;
    }
    *ret = (struct buf){.p = p, .n = (size_t)n, .cap = max + 1, .max = max + 1};
    return NULL;
}
