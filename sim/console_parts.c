// SPDX-License-Identifier: Apache-2.0
#include "sim/console_parts.h"

#include "base/obj.h"

#include <inttypes.h>

void console_button(struct buf *b, const char *label, const char *class, const char *action,
                    const char *name, struct str value) {
    buf_printf(b,
               "<form method=\"post\" action=\"/_sim/console\"><input type=\"hidden\" "
               "name=\"action\" value=\"%s\">",
               action);
    if (name != NULL) {
        buf_printf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
        html_text(b, value);
        buf_puts(b, "\">");
    }
    buf_printf(b, "<button class=\"%s\">%s</button></form>", class, label);
}

static bool is_as_usual(const struct sim_sqs *sqs) {
    return sqs->form != SIM_SQS_NOTHING && sqs->copies == 1 && sqs->delay_ms == 0;
}

void console_state(struct sim_sqs *sqs, struct buf *b) {
    const struct gamelift *gl = sqs->gl;
    bool full = false;
    for (size_t i = 0; i < gl->world->n_fleets; i++)
        for (size_t k = 0; k < gl->world->fleets[i].n_locations; k++)
            full = full || (gl->world->fleets[i].locations[k].capacity == 0 &&
                            gl->world->fleets[i].first_capacities[k] > 0);
    if (gl->sim->faults.n > 0 || full || !is_as_usual(sqs))
        buf_puts(b, "<span class=\"pill big warn\">Outage rehearsed</span>");
    else
        buf_puts(b, "<span class=\"pill big good\">All well</span>");
}

static void card(struct buf *b, const char *title, const char *text) {
    buf_printf(b, "<article class=\"card\"><h3>%s</h3><p>%s</p>", title, text);
}

void console_rehearse(struct gamelift *gl, struct buf *b) {
    (void)gl;
    card(b, "GameLift",
         "What every request to GameLift meets. The service tries again what may be "
         "tried again, and tells AGS the rest.");
    console_button(b, "Throttle", "", "throttle", "service", STR("gamelift"));
    console_button(b, "Slow, 3 s", "", "slow", "service", STR("gamelift"));
    console_button(b, "Fail with 500", "", "fail", "service", STR("gamelift"));
    console_button(b, "Cut connections", "", "cut", "service", STR("gamelift"));
    console_button(b, "Refuse the key", "", "refuse", "service", STR("gamelift"));
    buf_puts(b, "</article>");
    card(b, "AGS",
         "What the service's requests to AccelByte meet. Sessions can still be created; "
         "terminations need AGS.");
    console_button(b, "Too many requests", "", "throttle", "service", STR("ags"));
    console_button(b, "Slow, 3 s", "", "slow", "service", STR("ags"));
    console_button(b, "Fail with 500", "", "fail", "service", STR("ags"));
    console_button(b, "Cut connections", "", "cut", "service", STR("ags"));
    buf_puts(b, "</article>");
    card(b, "Events of placements",
         "What becomes of the events that SQS hands on, and what requests to SQS meet.");
    console_button(b, "Lose them", "", "lose", "service", STR("events"));
    console_button(b, "Three of each", "", "repeat", "service", STR("events"));
    console_button(b, "10 s late", "", "late", "service", STR("events"));
    console_button(b, "Fail with 500", "", "fail", "service", STR("sqs"));
    console_button(b, "Cut connections", "", "cut", "service", STR("sqs"));
    buf_puts(b, "</article>");
    card(b, "Back to normal", "A location is filled up below, at its fleet.");
    console_button(b, "End all faults", "", "clear", NULL, STR_NULL);
    console_button(b, "Reset everything", "", "reset", NULL, STR_NULL);
    buf_puts(b, "</article>");
}

/* ---- tables ---- */

static void open_table(struct buf *b, const char *heads) {
    buf_printf(b, "<div class=\"scroll\"><table><thead><tr>%s</tr></thead><tbody>", heads);
}

static void close_table(struct buf *b) {
    buf_puts(b, "</tbody></table></div>");
}

static void cell(struct buf *b, const char *label, struct str text) {
    buf_printf(b, "<td class=\"id\" data-label=\"%s\">", label);
    html_text(b, text);
    buf_puts(b, "</td>");
}

static void number(struct buf *b, const char *label, int64_t n) {
    buf_printf(b, "<td class=\"n\" data-label=\"%s\">%" PRId64 "</td>", label, n);
}

static void pill(struct buf *b, const char *class, struct str text) {
    buf_printf(b, "<td data-label=\"Status\"><span class=\"pill %s\">", class);
    html_text(b, text);
    buf_puts(b, "</span></td>");
}

void console_faults(struct gamelift *gl, struct buf *b) {
    const struct faults *faults = &gl->sim->faults;
    if (faults->n == 0) {
        buf_puts(b, "<p class=\"empty\">None: every request is answered as AWS and AGS would.</p>");
        return;
    }
    open_table(b, "<th>Fault</th><th>Service</th><th>Operation</th><th>Location</th><th "
                  "class=\"n\">Delay</th><th class=\"n\">Struck</th><th class=\"n\">Left</th>");
    for (struct list *l = faults->rules.next; l != &faults->rules; l = l->next) {
        const struct fault *f = CONTAINER_OF(l, struct fault, node);
        buf_printf(b, "<tr><th scope=\"row\">%s ", fault_kind_name(f->kind));
        html_text(b, f->type);
        buf_puts(b, "</th>");
        cell(b, "Service", f->service.p != NULL ? f->service : STR("any"));
        cell(b, "Operation", f->operation.p != NULL ? f->operation : STR("any"));
        cell(b, "Location", f->location.p != NULL ? f->location : STR("any"));
        buf_puts(b, "<td class=\"n\" data-label=\"Delay\">");
        html_duration(b, (double)f->delay_ms);
        buf_puts(b, "</td>");
        number(b, "Struck", f->hits);
        buf_puts(b, "<td class=\"n\" data-label=\"Left\">");
        if (f->count < 0)
            buf_puts(b, "for ever</td></tr>");
        else
            buf_printf(b, "%" PRId64 "</td></tr>", f->count);
    }
    close_table(b);
}

/* How much of a location is in use, as a bar. */
static void meter(struct buf *b, const struct gamelift_location *l) {
    double share = l->capacity > 0 ? (double)l->in_use / (double)l->capacity : 1.0;
    buf_printf(b,
               "<svg class=\"meter%s\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" "
               "role=\"img\" aria-label=\"%.0f %% in use\"><rect class=\"back\" width=\"100\" "
               "height=\"8\" rx=\"2\"/><rect class=\"used\" width=\"%.1f\" height=\"8\" "
               "rx=\"2\"/></svg>",
               l->in_use >= l->capacity ? " full" : "", share * 100, (share > 1 ? 1 : share) * 100);
}

static void location_row(struct buf *b, const struct gamelift_fleet *fleet, size_t i) {
    const struct gamelift_location *l = &fleet->locations[i];
    struct buf value;
    buf_init(&value, 1024);
    buf_putstr(&value, fleet->id);
    buf_putc(&value, '/');
    buf_putstr(&value, l->name);
    buf_puts(b, "<tr><th scope=\"row\">");
    html_text(b, l->name);
    buf_puts(b, "</th>");
    cell(b, "Fleet", fleet->id);
    pill(b, str_eq(fleet->status, STR("ACTIVE")) ? "good" : "bad", fleet->status);
    number(b, "In use", l->in_use);
    number(b, "Servers", l->capacity);
    buf_puts(b, "<td>");
    meter(b, l);
    buf_puts(b, "</td><td>");
    if (l->capacity > l->in_use || l->capacity == 0)
        console_button(b, l->capacity == 0 ? "Give servers" : "Fill up",
                       l->capacity == 0 ? "" : "bad", l->capacity == 0 ? "free" : "fill",
                       "location", buf_str(&value));
    else
        console_button(b, "Give servers", "", "free", "location", buf_str(&value));
    buf_puts(b, "</td></tr>");
    buf_free(&value);
}

void console_fleets(struct gamelift *gl, struct buf *b) {
    open_table(b, "<th>Location</th><th>Fleet</th><th>Status</th><th class=\"n\">In use</th><th "
                  "class=\"n\">Servers</th><th>Use</th><th></th>");
    for (size_t i = 0; i < gl->world->n_fleets; i++)
        for (size_t k = 0; k < gl->world->fleets[i].n_locations; k++)
            location_row(b, &gl->world->fleets[i], k);
    close_table(b);
}

void console_queues(struct gamelift *gl, struct buf *b) {
    open_table(b, "<th>Name</th><th>Kind</th><th>Home region</th><th>Leads to</th>");
    for (size_t i = 0; i < gl->world->n_queues; i++) {
        const struct gamelift_queue *q = &gl->world->queues[i];
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, q->name);
        buf_puts(b, "</th><td data-label=\"Kind\">queue</td>");
        cell(b, "Home region", q->region);
        buf_puts(b, "<td data-label=\"Leads to\">");
        for (size_t k = 0; k < q->n_fleets; k++) {
            buf_puts(b, k > 0 ? ", " : "");
            html_text(b, q->fleets[k]->id);
        }
        buf_puts(b, "</td></tr>");
    }
    for (size_t i = 0; i < gl->world->n_aliases; i++) {
        const struct gamelift_alias *a = &gl->world->aliases[i];
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, a->id);
        buf_puts(b, "</th><td data-label=\"Kind\">alias</td>");
        cell(b, "Home region", a->region);
        cell(b, "Leads to", a->fleet != NULL ? a->fleet->id : STR("nothing: it is terminal"));
        buf_puts(b, "</tr>");
    }
    close_table(b);
}

static struct str name_of(const struct codec_shape *shape, int value) {
    return value > 0 && (size_t)value <= shape->n_names ? shape->names[value - 1] : STR("?");
}

static void more(struct buf *b, size_t n) {
    if (n > CONSOLE_ROWS)
        buf_printf(b, "<p class=\"note\">and %zu older ones.</p>", n - CONSOLE_ROWS);
}

void console_sessions(struct gamelift *gl, struct buf *b) {
    size_t shown = 0;
    if (gl->n_sessions == 0) {
        buf_puts(b, "<p class=\"empty\">None yet. Make the service create one: "
                    "<code>build/session-dsm-client create ...</code></p>");
        return;
    }
    open_table(b, "<th>Session</th><th>Fleet</th><th>Location</th><th>Status</th><th "
                  "class=\"n\">Players at most</th><th>Began</th>");
    for (struct list *l = gl->sessions.prev; l != &gl->sessions && shown < CONSOLE_ROWS;
         l = l->prev, shown++) {
        const struct gamelift_session *s = CONTAINER_OF(l, struct gamelift_session, node);
        enum gl_game_session_status status = s->view.status;
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, str_from(s->key, str_find(s->key, '/') + 1));
        buf_puts(b, "</th>");
        cell(b, "Fleet", s->fleet->id);
        cell(b, "Location", s->location->name);
        pill(b,
             status == GL_GAME_SESSION_STATUS_ACTIVE  ? "good"
             : status == GL_GAME_SESSION_STATUS_ERROR ? "bad"
                                                      : "warn",
             name_of(&gl_game_session_status_shape, (int)status));
        number(b, "Players at most", s->view.maximum_player_session_count);
        buf_puts(b, "<td data-label=\"Began\">");
        html_time(b, s->view.creation_time);
        buf_puts(b, "</td></tr>");
    }
    close_table(b);
    more(b, gl->n_sessions);
}

void console_placements(struct gamelift *gl, struct buf *b) {
    size_t shown = 0;
    if (gl->n_placements == 0) {
        buf_puts(b, "<p class=\"empty\">None yet. The asynchronous mode starts them on a "
                    "queue.</p>");
        return;
    }
    open_table(b, "<th>Placement</th><th>Queue</th><th>Status</th><th>Region</th><th>Began</th>");
    for (struct list *l = gl->placements.prev; l != &gl->placements && shown < CONSOLE_ROWS;
         l = l->prev, shown++) {
        const struct gamelift_placement *p = CONTAINER_OF(l, struct gamelift_placement, node);
        enum gl_game_session_placement_state state = p->view.status;
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, p->id);
        buf_puts(b, "</th>");
        cell(b, "Queue", p->queue->name);
        pill(b,
             state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED ? "good"
             : state == GL_GAME_SESSION_PLACEMENT_STATE_PENDING ? "warn"
                                                                : "bad",
             name_of(&gl_game_session_placement_state_shape, (int)state));
        cell(b, "Region", p->view.game_session_region);
        buf_puts(b, "<td data-label=\"Began\">");
        html_time(b, p->view.start_time);
        buf_puts(b, "</td></tr>");
    }
    close_table(b);
    more(b, gl->n_placements);
}

/* ---- SQS ---- */

void console_events(struct sim_sqs *sqs, struct buf *b) {
    buf_printf(b, "<p class=\"facts\"%s>", is_as_usual(sqs) ? " hidden" : "");
    if (sqs->form == SIM_SQS_NOTHING)
        buf_puts(b, "<span class=\"pill bad\">events are lost</span>");
    if (sqs->copies > 1)
        buf_printf(b, "<span class=\"pill warn\">%" PRId64 " of each</span>", sqs->copies);
    if (sqs->delay_ms > 0)
        buf_printf(b, "<span class=\"pill warn\">%" PRId64 " s late</span>", sqs->delay_ms / 1000);
    buf_puts(b, "</p>");
    open_table(b, "<th>Queue</th><th class=\"n\">Waiting</th><th class=\"n\">Sent</th><th "
                  "class=\"n\">Handed out</th><th class=\"n\">Deleted</th><th class=\"n\">Moved to "
                  "dead letters</th>");
    for (size_t i = 0; i < sqs->n_queues; i++) {
        const struct sim_queue *q = &sqs->queues[i];
        buf_puts(b, "<tr><th scope=\"row\" class=\"id\">");
        html_text(b, str_c(q->name));
        buf_puts(b, "</th>");
        number(b, "Waiting", (int64_t)q->n);
        number(b, "Sent", q->sent);
        number(b, "Handed out", q->received);
        number(b, "Deleted", q->deleted);
        number(b, "Dead letters", q->moved);
        buf_puts(b, "</tr>");
    }
    close_table(b);
}
