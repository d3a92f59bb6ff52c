// SPDX-License-Identifier: Apache-2.0
/* A request body as gzip, for operations whose model asks for it. On zlib. */
#ifndef AWS_GZIP_H
#define AWS_GZIP_H

#include "base/arena.h"

/* At zlib's default level, in the arena. */
struct str aws_gzip(struct arena *a, struct str body);

#endif
