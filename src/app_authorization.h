// SPDX-License-Identifier: Apache-2.0
/* Who may call, as the settings have it: what AGS publishes, kept fresh, and the check of it. */
#ifndef APP_AUTHORIZATION_H
#define APP_AUTHORIZATION_H

#include "auth/authorizer.h"
#include "auth/refresh.h"
#include "auth/roles.h"
#include "config.h"

/* All NULL where callers are not authorized. */
struct app_authorization {
    struct trust_store *trust;
    struct auth_refresh *refresh;
    struct roles *roles; /* NULL unless a permission is asked for */
    struct authorizer *authorizer;
};

/* Starts to ask AGS, in the background. All but ret outlive it. */
void app_authorization_start(struct app_authorization *ret, const struct config *config,
                             struct loop *loop, struct ags_client *ags);

/* Once no call is left, and before the client. Fine for one of zeros. */
void app_authorization_end(struct app_authorization *authorization);

#endif
