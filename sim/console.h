// SPDX-License-Identifier: Apache-2.0
/*
 * A page for people at / of the stand-in: fleets, queues, sessions, placements, and buttons that
 * break things, so that an outage can be rehearsed. Its buttons are plain forms, which change what
 * scripts change under /_sim/. Requests from other sites' pages are refused.
 */
#ifndef SIM_CONSOLE_H
#define SIM_CONSOLE_H

#include "sim/sqs.h"

struct sim_service sim_console(struct sim_sqs *sqs);

#endif
