// SPDX-License-Identifier: Apache-2.0
#include "base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void obj_panic(const char *file, int line, const char *what) {
    fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
    abort();
}

void *obj_cast(void *ptr, size_t magic_offset, unsigned magic, const char *file, int line) {
    unsigned found;
    if (ptr == NULL)
        obj_panic(file, line, "NULL where an object was expected");
    memcpy(&found, (const char *)ptr + magic_offset, sizeof found);
    if (found != magic)
        obj_panic(file, line, "object of another type, or freed");
    return ptr;
}
