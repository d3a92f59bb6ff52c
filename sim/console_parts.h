// SPDX-License-Identifier: Apache-2.0
/* The parts of the stand-in's page, each written from its state. */
#ifndef SIM_CONSOLE_PARTS_H
#define SIM_CONSOLE_PARTS_H

#include "console/html.h"
#include "sim/gamelift.h"
#include "sim/sqs.h"

#define CONSOLE_ROWS 100 /* of sessions and of placements; older ones are counted */

/* A form with one button; a NULL name leaves the field out. */
void console_button(struct buf *b, const char *label, const char *class, const char *action,
                    const char *name, struct str value);

void console_state(struct sim_sqs *sqs, struct buf *b);
void console_rehearse(struct gamelift *gl, struct buf *b);
void console_faults(struct gamelift *gl, struct buf *b);
void console_fleets(struct gamelift *gl, struct buf *b);
void console_queues(struct gamelift *gl, struct buf *b);
void console_sessions(struct gamelift *gl, struct buf *b);
void console_placements(struct gamelift *gl, struct buf *b);
void console_events(struct sim_sqs *sqs, struct buf *b);

#endif
