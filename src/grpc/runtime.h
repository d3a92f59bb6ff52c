// SPDX-License-Identifier: Apache-2.0
/*
 * gRPC's C core as a whole: its environment made safe, its log sent to ours, started with the first
 * user and ended with the last. Servers and clients do this themselves; a program calls it early
 * only to be sure that no other thread exists yet when the environment is touched.
 */
#ifndef GRPC_RUNTIME_H
#define GRPC_RUNTIME_H

/*
 * Starts the library for the first user. GRPC_POLL_STRATEGY is removed from the environment if it
 * names anything but epoll1 or poll: the library aborts on names that it does not know.
 * The library's own log lines appear in ours at DEBUG, at most 10 a second. SIGPIPE is ignored.
 */
void runtime_acquire(void);

/* Ends the library with its last user, waiting for its threads. Not from a thread of the library.
 */
void runtime_release(void);

#endif
