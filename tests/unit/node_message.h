// SPDX-License-Identifier: Apache-2.0
/*
 * A message with one field of every sort, as protoc-c would describe it: the contract's own
 * messages neither nest nor pack.
 *
 *   message Node {
 *     string name = 1;
 *     Node child = 2;
 *     repeated Node children = 3;
 *     repeated int32 numbers = 4;   // packed
 *     repeated fixed64 wide = 5;    // packed
 *     bytes blob = 6;
 *     double real = 7;
 *     Colour colour = 8;            // NONE = 0, RED = 1
 *     bool flag = 9;
 *     fixed32 narrow = 10;
 *     repeated string words = 16;
 *     repeated bool flags = 17;
 *     uint64 huge = 18;
 *     float small = 19;
 *     sint32 zigzag = 20;
 *   }
 */
#ifndef UNIT_NODE_MESSAGE_H
#define UNIT_NODE_MESSAGE_H

#include "base/obj.h"

#include <protobuf-c/protobuf-c.h>

struct node {
    ProtobufCMessage base;
    char *name;
    struct node *child;
    size_t n_children;
    struct node **children;
    size_t n_numbers;
    int32_t *numbers;
    size_t n_wide;
    uint64_t *wide;
    ProtobufCBinaryData blob;
    double real;
    int colour;
    protobuf_c_boolean flag;
    uint32_t narrow;
    size_t n_words;
    char **words;
    size_t n_flags;
    protobuf_c_boolean *flags;
    uint64_t huge;
    float small;
    int32_t zigzag;
};

extern const ProtobufCMessageDescriptor node_descriptor;

static const ProtobufCEnumValue node_colours[] = {
    {.name = "NONE", .c_name = "NONE", .value = 0},
    {.name = "RED", .c_name = "RED", .value = 1},
};
static const ProtobufCEnumValueIndex node_colour_names[] = {
    {.name = "NONE", .index = 0},
    {.name = "RED", .index = 1},
};
static const ProtobufCIntRange node_colour_ranges[] = {{0, 0}, {0, 2}};
static const ProtobufCEnumDescriptor node_colour_descriptor = {
    .magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
    .name = "Colour",
    .short_name = "Colour",
    .c_name = "Colour",
    .package_name = "",
    .n_values = 2,
    .values = node_colours,
    .n_value_names = 2,
    .values_by_name = node_colour_names,
    .n_value_ranges = 1,
    .value_ranges = node_colour_ranges,
};

#define NODE_ONE(tag, kind, member)                                                                \
    {                                                                                              \
        .name = #member, .id = (tag), .label = PROTOBUF_C_LABEL_NONE,                              \
        .type = PROTOBUF_C_TYPE_##kind, .offset = offsetof(struct node, member),                   \
    }
#define NODE_MANY(tag, kind, member)                                                               \
    {                                                                                              \
        .name = #member, .id = (tag), .label = PROTOBUF_C_LABEL_REPEATED,                          \
        .type = PROTOBUF_C_TYPE_##kind, .offset = offsetof(struct node, member),                   \
        .quantifier_offset = offsetof(struct node, n_##member),                                    \
        .flags = (tag) == 4 || (tag) == 5 || (tag) == 17 ? PROTOBUF_C_FIELD_FLAG_PACKED : 0,       \
    }

static const ProtobufCFieldDescriptor node_fields[] = {
    NODE_ONE(1, STRING, name),
    {
        .name = "child",
        .id = 2,
        .label = PROTOBUF_C_LABEL_OPTIONAL,
        .type = PROTOBUF_C_TYPE_MESSAGE,
        .offset = offsetof(struct node, child),
        .descriptor = &node_descriptor,
    },
    {
        .name = "children",
        .id = 3,
        .label = PROTOBUF_C_LABEL_REPEATED,
        .type = PROTOBUF_C_TYPE_MESSAGE,
        .offset = offsetof(struct node, children),
        .quantifier_offset = offsetof(struct node, n_children),
        .descriptor = &node_descriptor,
    },
    NODE_MANY(4, INT32, numbers),
    NODE_MANY(5, FIXED64, wide),
    NODE_ONE(6, BYTES, blob),
    NODE_ONE(7, DOUBLE, real),
    {
        .name = "colour",
        .id = 8,
        .label = PROTOBUF_C_LABEL_NONE,
        .type = PROTOBUF_C_TYPE_ENUM,
        .offset = offsetof(struct node, colour),
        .descriptor = &node_colour_descriptor,
    },
    NODE_ONE(9, BOOL, flag),
    NODE_ONE(10, FIXED32, narrow),
    NODE_MANY(16, STRING, words),
    NODE_MANY(17, BOOL, flags),
    NODE_ONE(18, UINT64, huge),
    NODE_ONE(19, FLOAT, small),
    NODE_ONE(20, SINT32, zigzag),
};
static const ProtobufCIntRange node_ranges[] = {{1, 0}, {16, 10}, {0, 15}};
static const unsigned node_by_name[] = {5, 1, 2, 7, 8, 11, 12, 0, 9, 3, 6, 13, 4, 10, 14};

/* protobuf-c's own way of setting the empty string of a string field. */
static void node_init(ProtobufCMessage *message) {
    struct node *node = (struct node *)message;
    *node = (struct node){
        .base = {.descriptor = &node_descriptor},
        .name = (char *)(uintptr_t)protobuf_c_empty_string,
    };
}

const ProtobufCMessageDescriptor node_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Node",
    .short_name = "Node",
    .c_name = "Node",
    .package_name = "test",
    .sizeof_message = sizeof(struct node),
    .n_fields = ARRAY_LEN(node_fields),
    .fields = node_fields,
    .fields_sorted_by_name = node_by_name,
    .n_field_ranges = 2,
    .field_ranges = node_ranges,
    .message_init = node_init,
};

#endif
