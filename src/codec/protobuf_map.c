// SPDX-License-Identifier: Apache-2.0
/*
 * Maps, which on the wire are repeated entries with a key and a value. An entry may lack its value:
 * that means the default. protobuf-c leaves a message that did not come as a NULL pointer, which
 * nobody who reads a map would expect.
 * https://protobuf.dev/programming-guides/proto3/#backwards
 */
#include "codec/protobuf_map.h"

#include <ctype.h>
#include <string.h>

#define KEY 1
#define VALUE 2

/* "by_number" gives the entry ByNumberEntry, says protoc; nested in the map's message. */
static bool is_entry_of(const char *entry, const char *field) {
    bool upper = true;
    for (; *field != '\0'; field++) {
        if (*field == '_') {
            upper = true;
            continue;
        }
        int wanted = upper ? toupper((unsigned char)*field) : (unsigned char)*field;
        if ((unsigned char)*entry++ != wanted)
            return false;
        upper = false;
    }
    return strcmp(entry, "Entry") == 0;
}

bool protobuf_is_message_map(const ProtobufCMessageDescriptor *desc,
                             const ProtobufCFieldDescriptor *field) {
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t n = strlen(desc->name);
    return field->label == PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_MESSAGE &&
           entry->n_fields == 2 && entry->fields[0].id == KEY && entry->fields[1].id == VALUE &&
           entry->fields[1].type == PROTOBUF_C_TYPE_MESSAGE &&
           strncmp(entry->name, desc->name, n) == 0 && entry->name[n] == '.' &&
           is_entry_of(entry->name + n + 1, field->name);
}

static const ProtobufCMessage *message_at(const char *p) {
    const ProtobufCMessage *msg;
    memcpy(&msg, p, sizeof msg);
    return msg;
}

static void fill_value(struct arena *a, const ProtobufCMessage *entry) {
    const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
    const ProtobufCMessageDescriptor *desc = value->descriptor;
    char *member = (char *)(uintptr_t)entry + value->offset;
    if (message_at(member) != NULL)
        return;
    ProtobufCMessage *made = arena_alloc(a, desc->sizeof_message);
    protobuf_c_message_init(desc, made);
    memcpy(member, &made, sizeof made);
}

static void fill_field(struct arena *a, const ProtobufCMessage *msg,
                       const ProtobufCFieldDescriptor *field) {
    const char *member = (const char *)msg + field->offset;
    size_t n = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&n, (const char *)msg + field->quantifier_offset, sizeof n);
        const void *first = member; /* clang takes a char for a slip here */
        memcpy(&member, first, sizeof member);
    } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t chosen;
        memcpy(&chosen, (const char *)msg + field->quantifier_offset, sizeof chosen);
        n = chosen == field->id;
    }
    bool is_map = protobuf_is_message_map(msg->descriptor, field);
    for (size_t i = 0; i < n; i++) {
        const ProtobufCMessage *below = message_at(member + i * sizeof below);
        if (below == NULL)
            continue;
        if (is_map)
            fill_value(a, below);
        protobuf_fill_maps(a, below);
    }
}

void protobuf_fill_maps(struct arena *a, const ProtobufCMessage *msg) {
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++)
        if (msg->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            fill_field(a, msg, &msg->descriptor->fields[i]);
}
