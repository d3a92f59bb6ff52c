// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a small local file whole: configuration, and the tokens that Kubernetes projects into a
 * pod. The read blocks. That is right here: the files lie on a local disk or on tmpfs, have a few
 * kB, and are read at the start or once in many minutes; a thread for it would cost more than it
 * saves. Only a regular file is read, so that a pipe cannot hold up the loop.
 */
#ifndef AWS_CREDENTIALS_FILE_H
#define AWS_CREDENTIALS_FILE_H

#include "base/buf.h"
#include "base/err.h"

/*
 * The content as a new buf, which the caller gives to buf_wipe. `what` names the setting in
 * messages, which also tell the path and the reason. More than max bytes is an error. *ret_errno
 * (may be NULL) is why the file could not be opened, 0 for any other error.
 */
struct err *aws_file_read(struct arena *a, const char *what, struct str path, size_t max,
                          int *ret_errno, struct buf *ret) MUST_CHECK;

#endif
