// SPDX-License-Identifier: Apache-2.0
/*
 * One TLS connection: what its peer sends goes on, decrypted, through a socket pair to the library,
 * and back. Neither side is read from faster than the other one takes, so a relay holds two TLS
 * records at most. All on the loop's thread.
 */
#ifndef GRPC_TLS_RELAY_H
#define GRPC_TLS_RELAY_H

#include "base/loop.h"

#include <openssl/types.h>

struct tls_relay;

/* Both directions have ended, or the handshake failed; the relay is to be freed. Never before
 * tls_relay_new returns. */
typedef void tls_relay_done_fn(void *priv);

/*
 * Takes over the session, and the accepted socket, which must not block. *ret_plain is the
 * caller's: the end with the plain bytes, which does not block. NULL with errno if there is no
 * descriptor left; nothing is taken over then.
 */
struct tls_relay *tls_relay_new(struct loop *loop, SSL *ssl, int fd, int *ret_plain,
                                tls_relay_done_fn *done, void *priv);

/* Closes the connection at once; the callback no longer comes. NULL is fine. */
void tls_relay_free(struct tls_relay *relay);

/* Bytes that have come from the peer, decrypted. */
uint64_t tls_relay_received(const struct tls_relay *relay);

#endif
