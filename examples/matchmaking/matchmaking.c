// SPDX-License-Identifier: Apache-2.0
/*
 * A match function for duels: two tickets that come one after the other are a match. What it leaves
 * out, BackfillMatches, answers UNIMPLEMENTED.
 */
#include "grpc/serve.h"
#include "match_function.h"

static void get_stat_codes(struct mf_get_stat_codes_call *call) {
    struct mf_stat_codes_response resp = MF_STAT_CODES_RESPONSE_INIT; /* a duel asks for none */
    mf_get_stat_codes_reply(call, &resp);
}

static void validate_ticket(struct mf_validate_ticket_call *call) {
    struct mf_validate_ticket_response resp = MF_VALIDATE_TICKET_RESPONSE_INIT;
    resp.valid_ticket = call->req->ticket != NULL && call->req->ticket->n_players == 1;
    mf_validate_ticket_reply(call, &resp);
}

static void enrich_ticket(struct mf_enrich_ticket_call *call) {
    struct mf_enrich_ticket_response resp = MF_ENRICH_TICKET_RESPONSE_INIT;
    resp.ticket = call->req->ticket;
    mf_enrich_ticket_reply(call, &resp);
}

/*
 * MakeMatches: read until there are two tickets, send their match, read on. What is not read waits
 * with AGS; a call that AGS has left comes back with an error, and fail ends it.
 */

static mf_make_matches_message_fn on_request;

/* On to the next message: there is nothing to send, or the connection has taken it. */
static void on_ready(struct mf_make_matches_call *call, const struct err *err) {
    if (err != NULL)
        mf_make_matches_fail(call, err);
    else
        mf_make_matches_read(call, on_request);
}

static void on_request(struct mf_make_matches_call *call, const struct mf_make_matches_request *req,
                       const struct err *err) {
    if (err == NULL && req == NULL) {
        mf_make_matches_finish(call);
    } else if (err != NULL ||
               req->request_type_case != MF_MAKE_MATCHES_REQUEST_REQUEST_TYPE_TICKET) {
        on_ready(call, err); /* not a ticket but the parameters, which come first */
    } else if (call->state == NULL) {
        /* A message is gone with the next read, so the ticket that waits is a copy. */
        call->state = protobuf_copy(call->ctx->arena, &req->ticket->base);
        on_ready(call, NULL);
    } else {
        struct mf_match match = MF_MATCH_INIT;
        struct mf_match_response resp = MF_MATCH_RESPONSE_INIT;
        match.tickets = (struct mf_ticket *[]){call->state, req->ticket};
        match.n_tickets = 2;
        resp.match = &match;
        call->state = NULL;
        mf_make_matches_send(call, &resp, on_ready);
    }
}

static void make_matches(struct mf_make_matches_call *call) {
    on_ready(call, NULL);
}

int main(void) {
    static const struct mf_match_function_handlers handlers = {
        .get_stat_codes = get_stat_codes,
        .validate_ticket = validate_ticket,
        .enrich_ticket = enrich_ticket,
        .make_matches = make_matches,
    };
    return serve_main(&(struct serve_app){
        .name = "matchmaking", .services = {{&mf_match_function_service, &handlers, NULL}}});
}
