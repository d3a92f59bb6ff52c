// SPDX-License-Identifier: Apache-2.0
#include "aws/arn.h"

/* Cuts the text before the first colon off `rest`; false if there is no colon. */
static bool next_part(struct str *rest, struct str *ret) {
    size_t colon = str_find(*rest, ':');
    if (colon == rest->n)
        return false;
    *ret = str_sub(*rest, 0, colon);
    *rest = str_from(*rest, colon + 1);
    return true;
}

bool arn_parse(struct str text, struct arn *ret) {
    struct arn arn;
    struct str scheme;
    if (!next_part(&text, &scheme) || !str_eq(scheme, STR("arn")) ||
        !next_part(&text, &arn.partition) || !next_part(&text, &arn.service) ||
        !next_part(&text, &arn.region) || !next_part(&text, &arn.account))
        return false;
    arn.resource = text;
    if (str_empty(arn.partition) || str_empty(arn.service) || str_empty(arn.resource))
        return false;
    *ret = arn;
    return true;
}
