// SPDX-License-Identifier: Apache-2.0
#include "aws/gzip.h"

#include "base/obj.h"

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's largest window; 16 asks for gzip's header */

struct str aws_gzip(struct arena *a, struct str body) {
    z_stream z = {.zalloc = NULL};
    ASSERT(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, body.n);
    unsigned char *out = arena_alloc(a, room);
    z.next_in = (unsigned char *)(uintptr_t)body.p;
    z.avail_in = (uInt)body.n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return str_n((const char *)out, n);
}
