// SPDX-License-Identifier: Apache-2.0
/* The service: what it is wired of, how it starts, serves, drains and ends. */
#ifndef APP_H
#define APP_H

#include "base/err.h"

struct app;

/* Owned by the caller; app_free also takes what app_start has left half done. */
struct app *app_new(void);

/*
 * Reads the settings, wires everything and listens. Waits for neither AGS nor AWS, unless an EC2
 * instance's role is the only source of credentials left. The error is one line for a person and
 * lives as long as the app.
 */
struct err *app_start(struct app *app) MUST_CHECK;

/* Serves until SIGTERM or SIGINT has drained the service; a second one ends the process at once. */
void app_run(struct app *app);

/* Frees everything, wipes the secrets, and lets the log get out. */
void app_free(struct app *app);

#endif
