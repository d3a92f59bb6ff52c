// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a JSON text of a stranger means the same to everybody who reads it: one object, no name
 * twice in any object, not deep, not large. Readers differ in which of two equal names they take,
 * so a token whose claims repeat a name could say one thing to us and another to AGS.
 */
#ifndef AUTH_STRICT_JSON_H
#define AUTH_STRICT_JSON_H

#include "base/arena.h"

#define STRICT_JSON_MAX_DEPTH 16  /* objects and arrays in each other, the outermost counted */
#define STRICT_JSON_MAX_NAMES 256 /* in all objects that are open at a time */

/* NULL if the text passes; else what is wrong with it, a static text. */
const char *strict_json_check(struct arena *a, struct str text);

/* The same; ret_listed tells whether the outermost object has a member of that name. */
const char *strict_json_check_for(struct arena *a, struct str text, struct str name,
                                  bool *ret_listed);

#endif
