// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials from a program (credential_process): it is started without a shell, prints a JSON
 * document on its standard output and ends with status 0. It may take a minute; then it and what
 * it started are killed. Its standard error goes, shortened, into the error's detail, for the log.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
#ifndef AWS_CREDENTIALS_PROCESS_H
#define AWS_CREDENTIALS_PROCESS_H

#include "aws/credentials_source.h"

#define AWS_PROCESS_TIMEOUT_MS 60000
#define AWS_PROCESS_MAX_OUTPUT ((size_t)65536) /* bytes of standard output */

/*
 * `what` names the source in messages. timeout_ms 0: AWS_PROCESS_TIMEOUT_MS. A command that cannot
 * be split into words is an error.
 */
struct err *aws_source_process(struct aws_plan *plan, struct str what, struct str command,
                               int64_t timeout_ms, struct aws_credentials_source **ret) MUST_CHECK;

/*
 * Splits a command as a POSIX shell would, without expanding anything: blanks separate, single
 * quotes keep everything, double quotes keep all but \" and \\, a backslash keeps the next
 * character. NULL if a quote or the last character is left open, or there is no word; else an
 * array in the arena that ends with NULL.
 */
char **aws_command_split(struct arena *a, struct str command);

#endif
