# SPDX-License-Identifier: Apache-2.0
# Writes OUT, a C file with the commit that is built, and touches it only if that has changed.
# COMMIT says it where there is no git, as in a container image's build.
if(NOT COMMIT)
  execute_process(COMMAND git -C ${SOURCE} describe --always --exclude=* --abbrev=12 --dirty
    OUTPUT_VARIABLE COMMIT ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT COMMIT MATCHES "^[0-9a-f]+(-dirty)?$")
  set(COMMIT "")
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[
#include "version.h"
const char program_commit[] = "@COMMIT@";
]])
