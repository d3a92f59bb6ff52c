// SPDX-License-Identifier: Apache-2.0
/*
 * The stand-in's HTTP/1.1 server, on libmicrohttpd: turns requests into exchanges and sends, delays
 * or spoils their answers. One thread, which also runs what becomes due.
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "sim/sim.h"

struct sim_http;

/* Listens on an IPv4 address; port 0 takes a free one. The sim must outlive it. */
struct err *sim_http_new(struct sim *sim, const char *host, uint16_t port, struct arena *a,
                         struct sim_http **ret) MUST_CHECK;

uint16_t sim_http_port(const struct sim_http *http);

/* Serves until stop_fd is readable. */
void sim_http_run(struct sim_http *http, int stop_fd);

/* Closes what is open, answered or not. NULL is fine. */
void sim_http_free(struct sim_http *http);

#endif
