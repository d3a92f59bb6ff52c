// SPDX-License-Identifier: Apache-2.0
#include "codec/access.h"

#include "base/buf.h"
#include "base/obj.h"

const void *codec_member_get(const struct codec_member *m, const void *base) {
    const char *slot = (const char *)base + m->offset;
    const void *pointer;
    bool has;
    switch (m->shape->kind) {
    case CODEC_STRUCT:
    case CODEC_UNION:
        memcpy(&pointer, slot, sizeof pointer);
        return pointer;
    case CODEC_LIST:
    case CODEC_MAP:
        return codec_list_get(slot).v == NULL ? NULL : slot;
    case CODEC_STRING:
    case CODEC_BLOB:
    case CODEC_DOCUMENT:
    case CODEC_BIG_INTEGER:
    case CODEC_BIG_DECIMAL:
        return codec_str_get(slot).p == NULL ? NULL : slot;
    case CODEC_ENUM:
        return codec_enum_get(slot) == CODEC_ENUM_UNSET ? NULL : slot;
    case CODEC_BOOLEAN:
    case CODEC_INTEGER:
    case CODEC_LONG:
    case CODEC_ULONG:
    case CODEC_FLOAT:
    case CODEC_DOUBLE:
    case CODEC_TIMESTAMP:
        memcpy(&has, (const char *)base + m->has_offset, sizeof has);
        return has ? slot : NULL;
    }
    obj_panic(__FILE__, __LINE__, "a kind that does not exist");
}

const void *codec_element_get(const struct codec_shape *collection, struct codec_list list,
                              size_t i) {
    const char *slot = codec_entry(collection, list, i) + collection->value_offset;
    const void *pointer;
    if (!collection->sparse)
        return slot;
    if (collection->pointers) {
        memcpy(&pointer, slot, sizeof pointer);
        return pointer;
    }
    /* The others begin with a pointer that is NULL for null, or are an enum. */
    if (collection->element->kind == CODEC_ENUM)
        return codec_enum_get(slot) == CODEC_ENUM_UNSET ? NULL : slot;
    memcpy(&pointer, slot, sizeof pointer);
    return pointer == NULL ? NULL : slot;
}

#define PATH_MAX_BYTES 512

static void put_path(struct buf *b, const struct codec_path *path) {
    if (path == NULL)
        return;
    put_path(b, path->up);
    if (path->name.p == NULL) {
        buf_printf(b, "[%zu]", path->index);
    } else {
        if (b->n > 0)
            buf_putc(b, '.');
        buf_putstr(b, path->name);
    }
}

struct str codec_path_str(struct arena *a, const struct codec_path *path) {
    struct buf b;
    buf_init(&b, PATH_MAX_BYTES);
    put_path(&b, path);
    struct str text = b.n == 0 ? STR("the message") : arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}
