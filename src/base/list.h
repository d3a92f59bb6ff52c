// SPDX-License-Identifier: Apache-2.0
/* An intrusive doubly linked list. A node that is in no list links to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *l) {
    l->prev = l;
    l->next = l;
}

static inline bool list_empty(const struct list *l) {
    return l->next == l;
}

static inline size_t list_count(const struct list *head) {
    size_t n = 0;
    for (const struct list *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

/* Before the head, that is, as the last one. */
static inline void list_append(struct list *head, struct list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* All nodes of `from`, in their order, to the uninitialised or empty head `to`. */
static inline void list_move(struct list *from, struct list *to) {
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

#endif
