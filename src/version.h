// SPDX-License-Identifier: Apache-2.0
/* Which program this is: VERSION comes from CMakeLists.txt, the commit from git at build time. */
#ifndef VERSION_H
#define VERSION_H

/* "0123456789ab", with "-dirty" if files differed from it; "" if it is not known. */
extern const char program_commit[];

#endif
