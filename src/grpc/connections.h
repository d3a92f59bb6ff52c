// SPDX-License-Identifier: Apache-2.0
/*
 * The connections of a server: who they are from, how many there may be, and when one is cut off.
 * The library that speaks HTTP/2 on them knows none of this: it takes whatever comes, and some
 * floods grow its memory without a limit of its own.
 *
 * A connection is looked at from outside. We keep a second descriptor of its socket: to see it
 * close, to read from the kernel how many bytes have come, and to shut it down. Cut off is
 * - who has not sent HTTP/2's opening in 10 s, or sends something else;
 * - who breaks off many calls right after having made them;
 * - who sends many bytes that no call accounts for;
 * - who has sent most of those when a queue thread is kept from doing anything else.
 *
 * On the loop's thread, but for the functions that say otherwise.
 */
#ifndef GRPC_CONNECTIONS_H
#define GRPC_CONNECTIONS_H

#include "grpc/server.h"
#include "grpc/tls.h"

#include <grpc/grpc.h>

struct connections;

/* Which connection a call came on; fd is -1 if that is not known. */
struct connection_key {
    int fd;
    uint64_t id;
};

/* CPU time that a queue thread has used since its last event, see starvation_look. */
typedef int64_t connections_starved_fn(void *priv);

/* tls may be NULL. Everything outlives the connections. */
struct connections *connections_new(struct loop *loop, grpc_server *core, struct tls *tls,
                                    const struct server_options *options,
                                    connections_starved_fn *starved, void *priv);

/* Closes what is left. The library must have let go of its descriptors. NULL is fine. */
void connections_free(struct connections *all);

/*
 * Takes over an accepted socket that does not block: refuses it if there are too many, else gives
 * it to the library as soon as HTTP/2's opening has come. False, with errno, if there is no
 * descriptor left.
 */
bool connections_add(struct connections *all, int fd);

/* Closes those that have not been given to the library yet. */
void connections_drain(struct connections *all);

/* Shuts down all that are left: peers that do not read hold up the library's farewell. */
void connections_end(struct connections *all);

void connections_count(const struct connections *all, struct server_connections *ret);

/* ---- any thread ---- */

/* The connection whose calls the library says to be from `peer`, and its address, in the arena. */
struct connection_key connections_find(struct connections *all, const char *peer, struct arena *a,
                                       struct str *ret_address);

/* So many bytes of what has come belong to a call. */
void connections_explain(struct connections *all, struct connection_key key, size_t bytes);

/* A call has been refused, or its refusal has been sent; too many that cannot be sent are a flood.
 */
void connections_refusal(struct connections *all, struct connection_key key, bool begins);

/* A call was broken off right after it came. */
void connections_broken_off(struct connections *all, struct connection_key key);

#endif
