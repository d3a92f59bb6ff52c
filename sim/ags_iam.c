// SPDX-License-Identifier: Apache-2.0
/* Identity and access of the stand-in AGS: tokens, keys, the revocation list. */
#include "sim/ags_call.h"
#include "sim/form.h"

#define EXTEND_GRANT "urn:ietf:params:oauth:grant-type:extend_client_credentials"

static bool read_form(struct sim_exchange *ex, struct form *ret) {
    struct str type = sim_request_header(&ex->req, STR("content-type"));
    struct str wanted = STR("application/x-www-form-urlencoded");
    struct err *err = NULL;
    if (!str_eq_nocase(str_trim(str_sub(type, 0, str_find(type, ';'))), wanted))
        err = ERR_INVALID(ex->arena, "The content type must be application/x-www-form-urlencoded.");
    if (err == NULL)
        err = form_parse(ex->req.body, ex->arena, ret);
    if (err != NULL)
        ags_error(ex, 400, STR("invalid_request"), err->msg);
    return err == NULL;
}

void ags_answer_token(struct sim_exchange *ex) {
    struct ags *ags = ags_call_of(ex)->ags;
    struct form form;
    if (!read_form(ex, &form))
        return;
    struct str grant_type = form_get(&form, "grant_type");
    struct str extend_ns = form_get(&form, "extendNamespace");
    bool extend = str_eq(grant_type, STR(EXTEND_GRANT));
    if (!extend && !str_eq(grant_type, STR("client_credentials"))) {
        ags_error(ex, 400,
                  str_empty(grant_type) ? STR("invalid_request") : STR("unsupported_grant_type"),
                  STR("grant_type must be client_credentials or the extend grant."));
        return;
    }
    if (extend && (str_empty(extend_ns) || extend_ns.n > AGS_MAX_NAME)) {
        ags_error(ex, 400, STR("invalid_request"), STR("extendNamespace is missing or too long."));
        return;
    }
    const struct ags_token *token =
        ags_token_issue(ags, extend ? AGS_EXTEND : AGS_CLIENT_CREDENTIALS, extend_ns);
    struct buf body;
    buf_init(&body, AGS_MAX_ANSWER);
    buf_putc(&body, '{');
    sim_json_str(&body, "access_token", token->text);
    sim_json_int(&body, "expires_in", ags->token_lifetime_s);
    if (extend)
        sim_json_str(&body, "extend_namespace", extend_ns);
    sim_json_str(&body, "namespace", ags->options.ns);
    if (!extend)
        ags_permissions_json(ags, false, &body);
    sim_json_str(&body, "scope",
                 extend ? STR("extend") : STR("commerce account social publishing analytics"));
    sim_json_str(&body, "token_type", STR("Bearer"));
    buf_putc(&body, '}');
    ags_reply(ex, 200, &body);
    buf_free(&body);
}

void ags_answer_verify(struct sim_exchange *ex) {
    struct ags *ags = ags_call_of(ex)->ags;
    struct form form;
    struct ags_claims claims;
    if (!read_form(ex, &form))
        return;
    struct str token = form_get(&form, "token");
    const char *why = ags_token_check(ags, token, ex->arena, &claims);
    if (why != NULL) {
        ex->verdict = arena_printf(ex->arena, "token refused: %s", why);
        ags_error(ex, 400, STR("invalid_token"), STR("The token is unknown or expired."));
        return;
    }
    struct buf body;
    buf_init(&body, AGS_MAX_ANSWER);
    buf_putc(&body, '{');
    sim_json_str(&body, "access_token", token);
    sim_json_str(&body, "client_id", claims.client_id);
    sim_json_int(&body, "expires_in", claims.exp - ags_now_s(ags));
    if (claims.extend_ns.p != NULL)
        sim_json_str(&body, "extend_namespace", claims.extend_ns);
    sim_json_str(&body, "namespace", claims.ns);
    sim_json_str(&body, "scope", claims.scope);
    sim_json_str(&body, "token_type", STR("Bearer"));
    if (claims.sub.p != NULL)
        sim_json_str(&body, "user_id", claims.sub);
    buf_putc(&body, '}');
    ags_reply(ex, 200, &body);
    buf_free(&body);
}

void ags_answer_jwks(struct sim_exchange *ex) {
    const struct ags *ags = ags_call_of(ex)->ags;
    struct buf body;
    buf_init(&body, AGS_MAX_ANSWER);
    buf_puts(&body, "{\"keys\":[");
    for (size_t i = 0; i < ags->n_keys; i++) {
        sim_json_key(&body, NULL);
        ags_key_jwk(ags->keys[i], &body);
    }
    buf_puts(&body, "]}");
    ags_reply(ex, 200, &body);
    buf_free(&body);
}

void ags_answer_revocation_list(struct sim_exchange *ex) {
    const struct ags *ags = ags_call_of(ex)->ags;
    struct buf body;
    buf_init(&body, AGS_MAX_ANSWER);
    buf_puts(&body, "{\"revoked_tokens\":");
    ags_bloom_json(&ags->revoked, &body);
    buf_puts(&body, ",\"revoked_users\":[");
    for (size_t i = 0; i < ags->n_users; i++) {
        sim_json_key(&body, NULL);
        buf_putc(&body, '{');
        sim_json_str(&body, "id", str_c(ags->users[i].id));
        sim_json_str(&body, "revoked_at", ags_time(ex->arena, ags->users[i].revoked_at_ms));
        buf_putc(&body, '}');
    }
    buf_puts(&body, "]}");
    ags_reply(ex, 200, &body);
    buf_free(&body);
}
