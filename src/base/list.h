// SPDX-License-Identifier: Apache-2.0
/* An intrusive doubly linked list. A node that is in no list links to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

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

#endif
