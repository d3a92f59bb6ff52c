// SPDX-License-Identifier: Apache-2.0
/*
 * The server's certificate, for those who host the service themselves with nothing in front that
 * ends TLS. The library's own TLS works on the library's own listener only, which one EMFILE ends
 * for good and which knows no caps; so OpenSSL speaks TLS here, on connections that we accept, and
 * everything that src/grpc/connections.h promises holds for them too.
 *
 * TLS 1.2 and 1.3, ALPN "h2", no resumption and no renegotiation. The files are looked at every few
 * seconds; when one has changed they are read again off the loop, and connections made from then on
 * use what they hold. If it does not fit together, the log says so and the old stays in use.
 */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H

#include "base/loop.h"
#include "grpc/server.h"

#include <openssl/types.h>

struct tls;

/*
 * Reads the files (at most 1 MiB each). INVALID_ARGUMENT, in one line that names the file, if one
 * cannot be read or is not what it should be, or if key and certificate do not belong together.
 * On the loop's thread or before it runs, like all of these.
 */
struct err *tls_new(struct loop *loop, const struct server_tls *files, struct arena *a,
                    struct tls **ret) MUST_CHECK;

/* Sessions may live on. NULL is fine. */
void tls_free(struct tls *tls);

/* The server's side of one new connection; the caller frees it. */
SSL *tls_session(struct tls *tls);

void tls_stats(const struct tls *tls, struct server_tls_stats *ret);

#endif
