// SPDX-License-Identifier: Apache-2.0
#include "sim/due.h"

#include "base/obj.h"

static struct due *of(struct list *node) {
    return CONTAINER_OF(node, struct due, node);
}

void due_list_init(struct due_list *list) {
    list_init(&list->head);
}

void due_clear(struct due *due) {
    if (due->node.next == NULL)
        list_init(&due->node);
    list_remove(&due->node);
}

void due_set(struct due_list *list, struct due *due, int64_t at_ms, due_fn *fn) {
    due_clear(due);
    due->at_ms = at_ms;
    due->fn = fn;
    struct list *after = list->head.prev;
    while (after != &list->head && of(after)->at_ms > at_ms)
        after = after->prev;
    list_append(after->next, &due->node);
}

void due_run(struct due_list *list, int64_t now_ms) {
    while (!list_empty(&list->head) && of(list->head.next)->at_ms <= now_ms) {
        struct due *due = of(list->head.next);
        due_clear(due);
        due->fn(due);
    }
}

int64_t due_wait_ms(const struct due_list *list, int64_t now_ms) {
    if (list_empty(&list->head))
        return -1;
    int64_t wait = of(list->head.next)->at_ms - now_ms;
    return wait < 0 ? 0 : wait;
}
