# SPDX-License-Identifier: Apache-2.0
"""The neutral representation between loaders and templates.

Loaders fill it, templates read it. It knows neither protobuf's nor AWS's file formats nor C's
grammar; names are kept as the source has them, beside the C identifiers that names.py made of
them. Everything is frozen, so a template cannot change what another one sees.
"""
from dataclasses import dataclass
from typing import Optional, Tuple, Union


class IdlError(Exception):
    """Bad input to the generator; printed as `file: element: reason`."""

    def __init__(self, file, element, reason):
        text = f"{file}: {element}: {reason}"
        super().__init__("".join(c if c.isprintable() else " " for c in text))


# ---- messages and services of a proto ----------------------------------------------------------


@dataclass(frozen=True)
class ProtoConstant:
    """A value of an enum, or a member of a oneof in the enum that tells which one is set."""

    name: str            # as in the IDL
    number: int
    c_name: str          # "dsm" style: "SHOP_ORDER_KIND_FAST"
    pbc_name: str        # protoc-c's


@dataclass(frozen=True)
class ProtoEnum:
    name: str            # "Order.Kind"
    full_name: str
    c_name: str          # "shop_order_kind", for `enum shop_order_kind`
    pbc_tag: str         # protoc-c's tag
    values: Tuple[ProtoConstant, ...]
    reserved: Tuple[str, ...]
    doc: Tuple[str, ...]


@dataclass(frozen=True)
class Oneof:
    name: str            # as in the IDL
    c_case: str          # the struct member that tells which one is set: "way_case"
    cases: Tuple[ProtoConstant, ...]
    unset: ProtoConstant
    doc: Tuple[str, ...]


@dataclass(frozen=True)
class Field:
    name: str            # as in the IDL
    pbc_name: str        # in protoc-c's descriptor; mostly the same
    c_name: str
    number: int
    type: str            # "string", "int64", "bool", ... or "message", "enum"
    type_name: str       # full name of a message or enum, else ""
    c_type: str          # of one value: "int32_t", "char *", "struct dsm_order *"
    repeated: bool
    optional: bool       # proto3 `optional`
    c_case: str          # of an optional number or string: the member that is 0 if it is absent
    case: str            # ... and protoc-c's constant for "present"
    oneof: str           # the C name of the oneof it belongs to, or ""
    map_key: Optional["Field"]    # of a map
    map_value: Optional["Field"]
    map_entry: str       # C name of the entry's struct
    sensitive: bool
    deprecated: bool
    doc: Tuple[str, ...]  # comment lines

    @property
    def said_type(self):
        """The type as a reader of the IDL would say it."""
        single = self.map_key is not None or not self.repeated
        return ("" if single else "repeated ") + self.value_type

    @property
    def value_type(self):
        """Of one value."""
        if self.map_key is not None:
            return f"map<{self.map_key.said_type}, {self.map_value.said_type}>"
        return self.type_name or self.type


@dataclass(frozen=True)
class Message:
    name: str            # "RequestCreateGameSession"
    full_name: str       # with the package
    c_name: str          # "dsm_request_create_game_session"
    pbc_type: str        # protoc-c's type: "Accelbyte__Session__Sessiondsm__RequestCreateGameSession"
    pbc_prefix: str      # protoc-c's function prefix
    fields: Tuple[Field, ...]
    oneofs: Tuple[Oneof, ...]
    map_entry: bool      # made by a map field
    reserved: Tuple[str, ...]  # names and ranges of numbers
    doc: Tuple[str, ...]


@dataclass(frozen=True)
class Method:
    name: str            # "CreateGameSession"
    c_name: str          # "dsm_create_game_session"
    slot: str            # "create_game_session"
    handler: str         # "dsm_handle_create_game_session"
    path: str            # "/package.Service/Method"
    input: Message
    output: Message
    client_streaming: bool
    server_streaming: bool
    doc: Tuple[str, ...]

    @property
    def streaming(self):
        return self.client_streaming or self.server_streaming

    @property
    def kind(self):
        """"unary", "client_stream", "server_stream" or "bidi_stream"."""
        return {(False, False): "unary", (True, False): "client_stream",
                (False, True): "server_stream",
                (True, True): "bidi_stream"}[self.client_streaming, self.server_streaming]


@dataclass(frozen=True)
class RpcService:
    name: str            # "SessionDsm"
    full_name: str       # "accelbyte.session.sessiondsm.SessionDsm"
    c_name: str          # "dsm_session_dsm"
    methods: Tuple[Method, ...]
    doc: Tuple[str, ...]


@dataclass(frozen=True)
class Descriptor:
    """The file as reflection serves it."""

    name: str                  # "grpc/health/v1/health.proto": as other files import it
    c_name: str                # "health_file"
    data: bytes                # its FileDescriptorProto, without comments
    symbols: Tuple[str, ...]   # full names of all that it defines, sorted
    imports: Tuple["Descriptor", ...]
    header: str                # that declares c_name, as #include has it


@dataclass(frozen=True)
class Sensitive:
    """A field that no log may show."""

    message: str         # pbc_prefix of its message
    field: str           # as in protoc-c's descriptor


@dataclass(frozen=True)
class ProtoFile:
    source: str          # "idl/session-dsm.proto", for banners
    sha256: str          # of the source
    package: str
    prefix: str          # "dsm"
    c_name: str          # "dsm": of what there is one of in each file
    stem: str            # "session_dsm": generated files are <stem>.h and <stem>_*.c
    include: str         # "generated/", the folder in #include of generated files
    pbc_header: str      # "generated/session-dsm.pb-c.h"
    headers: Tuple[str, ...]   # of the files whose messages this one uses
    messages: Tuple[Message, ...]
    enums: Tuple[ProtoEnum, ...]
    services: Tuple[RpcService, ...]
    sensitive: Tuple[Sensitive, ...]  # in this file and in those that it uses
    descriptor: Descriptor
    descriptor_only: bool  # nothing else is to be generated


# ---- shapes and operations of an API model -----------------------------------------------------


@dataclass(frozen=True)
class Constraints:
    min: Union[int, float, None]  # a fraction only where the shape is a float or double
    max: Union[int, float, None]
    pattern: Optional[str]


@dataclass(frozen=True)
class Member:
    name: str            # on the wire
    c_name: str
    shape: "ShapeRef"
    required: bool
    sensitive: bool
    has: bool            # the C struct carries has_x
    note: str            # comment behind the declaration: required, constraints, or ""
    idempotency_token: bool
    doc: Tuple[str, ...] = ()  # comment lines


@dataclass(frozen=True)
class ShapeRef:
    """A reference by name, so that recursive shapes need no cycles here."""

    name: str            # in the model
    kind: str            # "structure", "list", "string", ...
    c_type: str          # "struct gl_game_session", "struct str", "int32_t", "enum gl_..."
    c_desc: str          # "gl_game_session_shape"


@dataclass(frozen=True)
class EnumValue:
    name: str            # on the wire
    c_name: str          # "GL_TERMINATION_MODE_FORCE_TERMINATE"


@dataclass(frozen=True)
class Shape:
    name: str
    kind: str            # structure union list map string blob boolean integer long unsigned_long float
    #                      double big_integer big_decimal timestamp enum document
    c_name: str          # "gl_game_session"
    c_type: str
    c_desc: str
    codec_kind: str      # "CODEC_STRUCT"
    constraints: Constraints
    sensitive: bool
    sparse: bool
    members: Tuple[Member, ...]
    element: Optional[ShapeRef]
    values: Tuple[EnumValue, ...]
    unset: str           # enum: C name of "absent"
    unknown: str         # enum: C name of "a name this model does not have"
    is_error: bool
    pointers: bool = False     # sparse list, map: the elements are pointers, NULL for null
    time_format: str = ""      # timestamp: "CODEC_TIME_ISO8601"; "": epoch seconds
    has_token: bool = False    # structure: a member is an idempotency token
    doc: Tuple[str, ...] = ()  # comment lines

    @property
    def limits(self):
        """What the limits of this kind are called in C, before min and max."""
        return "real_" if self.kind in ("float", "double") else ""


@dataclass(frozen=True)
class Operation:
    name: str            # "CreateGameSession"
    c_name: str          # "gl_create_game_session"
    input: Optional[Shape]
    output: Optional[Shape]
    errors: Tuple[str, ...]
    host_prefix: str     # "foo.{}.": each {} is filled in by a member of the input
    host_labels: Tuple[int, ...]  # which ones, as indices
    compressed: bool     # the body travels as gzip once it is large
    unsigned: bool
    doc: Tuple[str, ...]


@dataclass(frozen=True)
class ErrorShape:
    shape: Shape
    code: str            # its name in the Query protocol; else the shape's


@dataclass(frozen=True)
class ErrorCode:
    """How one error name of the service is answered to a gRPC caller."""

    name: str            # "NotFoundException"
    code: str            # "NOT_FOUND"
    retry: str           # "none", "transient" or "throttle"
    doc: str


@dataclass(frozen=True)
class ApiService:
    source: str
    sha256: str
    name: str            # service id: "GameLift"
    prefix: str          # "gl"
    stem: str            # "gamelift"
    json_content_type: str  # "application/x-amz-json-1.1"; "": it is not spoken
    cbor: bool           # Smithy RPC v2 CBOR is spoken
    query_compatible: bool  # errors keep the names that they had in the Query protocol
    target_prefix: str   # "GameLift": in X-Amz-Target and in the paths of CBOR
    signing_name: str
    endpoint_prefix: str
    api_version: str
    shapes: Tuple[Shape, ...]        # in an order in which C can declare them
    operations: Tuple[Operation, ...]
    errors: Tuple[ErrorShape, ...]
    folder: str = "generated/"       # in front of the header's name where it is included

    @property
    def header(self):
        return f"{self.folder}{self.stem}.h"


# ---- operations of a REST API ------------------------------------------------------------------


@dataclass(frozen=True)
class RestParam:
    place: str           # "REST_PATH", "REST_FORM", "REST_BODY"
    member: Member       # of the input structure


@dataclass(frozen=True)
class RestOperation:
    name: str            # "getGameSession"
    c_name: str          # "ags_get_game_session"
    method: str          # "GET"
    path: str            # "/session/.../{sessionId}"
    basic_auth: bool     # the client's id and secret instead of a token
    input: Shape         # the parameters as a structure
    output: Optional[Shape]
    params: Tuple[RestParam, ...]


@dataclass(frozen=True)
class RestService:
    source: str
    sha256: str
    name: str
    prefix: str
    stem: str
    shapes: Tuple[Shape, ...]
    operations: Tuple[RestOperation, ...]

    @property
    def header(self):
        return f"generated/{self.stem}.h"


# ---- documents that nobody asks an operation for -----------------------------------------------


@dataclass(frozen=True)
class ShapeSet:
    source: str
    sha256: str
    name: str
    prefix: str
    stem: str
    shapes: Tuple[Shape, ...]        # in an order in which C can declare them

    @property
    def header(self):
        return f"generated/{self.stem}.h"
