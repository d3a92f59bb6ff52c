// SPDX-License-Identifier: Apache-2.0
/* Numbers as JSON has them, without the locale's help. */
#ifndef CODEC_NUMBER_H
#define CODEC_NUMBER_H

#include "base/str.h"

#define NUMBER_TEXT 40 /* bytes that the longest number needs, NUL included */

/* Shortest decimal that reads back as the same value; finite values only. Returns its length. */
size_t number_print_double(char out[NUMBER_TEXT], double value);
size_t number_print_float(char out[NUMBER_TEXT], float value);

/* JSON number text to double; false if it overflows. */
bool number_parse_double(struct str text, double *ret);

/* JSON number text with a whole value, also as "4.0" or "1.4E9"; false if it is not one. */
bool number_parse_int64(struct str text, int64_t *ret);

/* JSON number text from 0 to 2^64 - 1, digits only: every bit counts. False if it is not one. */
bool number_parse_uint64(struct str text, uint64_t *ret);

/* True for JSON's grammar of a number, of any size; `whole`: digits and a sign alone. */
bool number_is_decimal(struct str text, bool whole);

#endif
