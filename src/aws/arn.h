// SPDX-License-Identifier: Apache-2.0
/* Amazon Resource Names: arn:partition:service:region:account:resource, some parts maybe empty. */
#ifndef AWS_ARN_H
#define AWS_ARN_H

#include "base/str.h"

struct arn { /* views into the text */
    struct str partition;
    struct str service;
    struct str region;
    struct str account;
    struct str resource;
};

/* False (ret untouched) if the text is no ARN with a partition, a service and a resource. */
bool arn_parse(struct str text, struct arn *ret);

#endif
