// SPDX-License-Identifier: Apache-2.0
/* Random values from the kernel: unpredictable, any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* At most 256 bytes. */
void random_bytes(void *p, size_t n);

/* 0 to 1, for jitter. */
double random_unit(void);

/* A version 4 UUID in lower case, with a NUL. */
#define RANDOM_UUID_SIZE 37
void random_uuid(char ret[RANDOM_UUID_SIZE]);

#endif
