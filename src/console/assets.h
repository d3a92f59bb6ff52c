// SPDX-License-Identifier: Apache-2.0
/* The files that pages are made of, as they were when the program was built. */
#ifndef CONSOLE_ASSETS_H
#define CONSOLE_ASSETS_H

#include "base/str.h"

/* ASSET(name, "file.ext") in one source file embeds it; ASSET_DECLARE(name) elsewhere names it. */
#define ASSET(name, path)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global asset_" #name "\n"                                                            \
            ".global asset_" #name "_end\n"                                                        \
            "asset_" #name ":\n"                                                                   \
            ".incbin \"" path "\"\n"                                                               \
            "asset_" #name "_end:\n"                                                               \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    ASSET_DECLARE(name)

#define ASSET_DECLARE(name)                                                                        \
    extern const char asset_##name[];                                                              \
    extern const char asset_##name##_end[]

#define ASSET_STR(name) str_n(asset_##name, (size_t)(asset_##name##_end - asset_##name))

#endif
