# SPDX-License-Identifier: Apache-2.0
"""What the loader of AWS models knows: types, time formats, protocols, traits.

A key that stands in none of these tables stops the generator. Those that are known but change
nothing (documentation, XML's names) are listed all the same, so that the next reader sees that they
were thought of.
"""

# Protocols that the engines speak, by the model's own names, and what options call them.
PROTOCOLS = {"json": "json", "smithy-rpc-v2-cbor": "cbor"}

# type: (kind, C type, codec kind, whether the struct carries has_x)
SCALARS = {
    "string": ("string", "struct str", "CODEC_STRING", False),
    "character": ("string", "struct str", "CODEC_STRING", False),
    "blob": ("blob", "struct str", "CODEC_BLOB", False),
    "boolean": ("boolean", "bool", "CODEC_BOOLEAN", True),
    "byte": ("integer", "int32_t", "CODEC_INTEGER", True),
    "short": ("integer", "int32_t", "CODEC_INTEGER", True),
    "integer": ("integer", "int32_t", "CODEC_INTEGER", True),
    "intEnum": ("integer", "int32_t", "CODEC_INTEGER", True),
    "long": ("long", "int64_t", "CODEC_LONG", True),
    "float": ("float", "float", "CODEC_FLOAT", True),
    "double": ("double", "double", "CODEC_DOUBLE", True),
    "biginteger": ("big_integer", "struct str", "CODEC_BIG_INTEGER", False),
    "bigInteger": ("big_integer", "struct str", "CODEC_BIG_INTEGER", False),
    "bigdecimal": ("big_decimal", "struct str", "CODEC_BIG_DECIMAL", False),
    "bigDecimal": ("big_decimal", "struct str", "CODEC_BIG_DECIMAL", False),
    "timestamp": ("timestamp", "int64_t", "CODEC_TIMESTAMP", True),
}

# Range of the C type where the model's is narrower than the engine's.
IMPLIED = {"byte": (-128, 127), "short": (-32768, 32767)}

# How a time is written in JSON; the model's words and Smithy's.
TIME_FORMATS = {
    "unixTimestamp": "CODEC_TIME_EPOCH",
    "epoch-seconds": "CODEC_TIME_EPOCH",
    "iso8601": "CODEC_TIME_ISO8601",
    "date-time": "CODEC_TIME_ISO8601",
    "rfc822": "CODEC_TIME_HTTP_DATE",
    "http-date": "CODEC_TIME_HTTP_DATE",
}

# Prose, and what only XML, Query and HTTP bindings read.
_NO_MEANING_HERE = """documentation documentationUrl deprecated deprecatedMessage deprecatedSince box
    flattened xmlNamespace xmlOrder xmlAttribute wrapper payload synthetic queryName"""

SHAPE_KEYS = frozenset(
    (_NO_MEANING_HERE + """ type required members member key value enum pattern min max sensitive
    exception fault error union document sparse retryable timestampFormat locationName""").split())
MEMBER_KEYS = frozenset(
    (_NO_MEANING_HERE + """ shape idempotencyToken jsonvalue hostLabel timestampFormat sensitive
    locationName contextParam clientContextParam""").split())
# "http" has no meaning in these protocols: every request is POST, the path is the protocol's.
OPERATION_KEYS = frozenset(
    """name http input output errors documentation documentationUrl deprecated deprecatedMessage
    deprecatedSince idempotent readonly endpoint requestcompression auth authtype
    staticContextParams operationContextParams""".split())
