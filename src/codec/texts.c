// SPDX-License-Identifier: Apache-2.0
#include "codec/texts.h"

const struct codec_shape codec_any_text = {
    .kind = CODEC_STRING,
    .name = "String",
    .size = sizeof(struct str),
};
