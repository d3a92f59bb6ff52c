// SPDX-License-Identifier: Apache-2.0
/* How an answer leaves the stand-in: whole, cut off, endless, or not at all. Only for http.c. */
#ifndef SIM_HTTP_SEND_H
#define SIM_HTTP_SEND_H

#include "sim/sim.h"

#include <microhttpd.h>

/* Sends ex->reply; the exchange must live until the request is over. What MHD's handler returns. */
enum MHD_Result http_send(struct MHD_Connection *connection, struct sim_exchange *ex);

/* A plain answer and the end of the connection. */
enum MHD_Result http_send_text(struct MHD_Connection *connection, unsigned status,
                               const char *text);

/* The client has closed or reset the connection. */
bool http_peer_gone(struct MHD_Connection *connection);

#endif
