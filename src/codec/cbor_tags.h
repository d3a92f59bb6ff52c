// SPDX-License-Identifier: Apache-2.0
/* The tags of RFC 8949, 3.4, that Smithy RPC v2 uses. */
#ifndef CODEC_CBOR_TAGS_H
#define CODEC_CBOR_TAGS_H

enum cbor_tag {
    CBOR_TAG_EPOCH = 1,        /* seconds since 1970 UTC */
    CBOR_TAG_BIG = 2,          /* bytes of n */
    CBOR_TAG_NEGATIVE_BIG = 3, /* bytes of n, for -1 - n */
    CBOR_TAG_DECIMAL = 4,      /* [exponent, mantissa] */
};

#endif
