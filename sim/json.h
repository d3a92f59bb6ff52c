// SPDX-License-Identifier: Apache-2.0
/*
 * JSON for what people write and read: world files, fault rules, the control answers. A strict
 * reader, so that a misspelt member is an error and not a silent default. (What services speak goes
 * through src/codec and the generated shapes.)
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <yajl/yajl_tree.h>

#define SIM_JSON_MAX_DEPTH 64

/* The tree lives in the arena. INVALID_ARGUMENT for what is no JSON or too deep. */
struct err *sim_json_parse(struct str text, struct arena *a, yajl_val *ret) MUST_CHECK;

enum sim_json_kind { SIM_JSON_STR, SIM_JSON_INT, SIM_JSON_BOOL, SIM_JSON_LIST, SIM_JSON_ANY };

/* A member of an object and where its value goes; absent ones leave *ret as it is. */
struct sim_json_field {
    const char *name;
    enum sim_json_kind kind;
    void *ret; /* struct str *, int64_t *, bool *, yajl_val * */
    int64_t min;
    int64_t max;
    bool required;
};

/*
 * Fills in the fields from an object; strings are views of the tree. `what` names the object in
 * messages. A member that is no field, a wrong type and an integer out of range are errors.
 */
struct err *sim_json_read(yajl_val object, const char *what, const struct sim_json_field *fields,
                          size_t n, struct arena *a) MUST_CHECK;

/* A comma if one is needed before the next element, then the member's name if not NULL. */
void sim_json_key(struct buf *b, const char *name);
void sim_json_str(struct buf *b, const char *name, struct str value);
void sim_json_int(struct buf *b, const char *name, int64_t value);

#endif
