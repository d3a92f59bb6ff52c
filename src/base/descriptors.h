// SPDX-License-Identifier: Apache-2.0
/* How many descriptors the process may have open: every connection needs one. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

/* As many as may be had without asking anybody; what cannot be had is done without. */
void descriptors_raise_limit(void);

#endif
