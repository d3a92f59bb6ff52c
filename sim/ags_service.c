// SPDX-License-Identifier: Apache-2.0
/* The stand-in AGS on the wire: paths, who may call, faults, answers and errors in AGS's form. */
#include "sim/ags_base64.h"
#include "sim/ags_call.h"
#include "sim/form.h"

#include <openssl/crypto.h>

#define SESSION_RESOURCE "NAMESPACE:{namespace}:SESSION:GAME"

void ags_reply(struct sim_exchange *ex, int status, const struct buf *body) {
    ASSERT(!body->failed);
    sim_reply_text(ex, status, "application/json", buf_str(body));
}

/* ---- errors ---- */

/* AGS's own numbers; those of the session service are not published, so the common ones serve. */
static int64_t error_number(int status) {
    switch (status) {
    case 400:
        return 20002;
    case 401:
        return 20001;
    case 403:
        return 20013;
    case 429:
        return 20007;
    default:
        return status < 500 ? status : 20000;
    }
}

void ags_error(struct sim_exchange *ex, int status, struct str type, struct str message) {
    const struct ags_call *call = ags_call_of(ex);
    enum ags_error_form form = call->route == NULL ? AGS_ERROR_IAM : call->route->error_form;
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    /* The name that a rule of kind "throttle" gives; AGS has the status for it instead. */
    if (status == 400 && str_eq(type, STR("ThrottlingException")))
        status = 429;
    buf_putc(&body, '{');
    if (form == AGS_ERROR_OAUTH) {
        sim_json_str(&body, "error", type);
        sim_json_str(&body, "error_description", message);
    } else {
        if (form == AGS_ERROR_SESSION) {
            sim_json_key(&body, "attributes");
            buf_puts(&body, "{}");
        }
        sim_json_int(&body, "errorCode", error_number(status));
        sim_json_str(&body, "errorMessage", message);
    }
    if (form == AGS_ERROR_SESSION) {
        sim_json_str(&body, "message", message);
        sim_json_str(&body, "name", type);
    }
    buf_putc(&body, '}');
    ags_reply(ex, status, &body);
    buf_free(&body);
}

static void refuse(struct sim_exchange *ex, const char *why, struct str type, struct str message) {
    ex->verdict = arena_printf(ex->arena, "refused: %s", why);
    ags_error(ex, 401, type, message);
}

/* ---- who calls ---- */

/* What follows the scheme, which may be in any case; absent for another scheme. */
static struct str credentials_of(const struct sim_request *req, struct str scheme) {
    struct str value = sim_request_header(req, STR("authorization"));
    if (value.n <= scheme.n || value.p[scheme.n] != ' ' ||
        !str_eq_nocase(str_sub(value, 0, scheme.n), scheme))
        return STR_NULL;
    return str_trim(str_from(value, scheme.n));
}

static bool same_secret(const struct secret *secret, struct str text) {
    struct str own = secret_reveal(secret);
    return own.n == text.n && (own.n == 0 || CRYPTO_memcmp(own.p, text.p, own.n) == 0);
}

static bool check_basic(struct sim_exchange *ex, struct ags_call *call) {
    struct str encoded = credentials_of(&ex->req, STR("Basic"));
    struct str pair = STR_NULL;
    size_t colon = 0;
    bool good =
        encoded.p != NULL && ags_base64_decode(encoded, AGS_BASE64_PADDED, ex->arena, &pair);
    if (good)
        colon = str_find(pair, ':');
    good = good && str_eq(str_sub(pair, 0, colon), call->ags->options.client_id) &&
           same_secret(&call->ags->client_secret, str_from(pair, colon + 1));
    ex->verdict = STR("client known");
    if (good)
        return true;
    bool oauth = call->route->error_form == AGS_ERROR_OAUTH;
    refuse(ex, encoded.p == NULL ? "no client id and secret" : "wrong client id or secret",
           oauth ? STR("invalid_client") : STR("UnauthorizedAccess"),
           oauth ? STR("The client id or the client secret is wrong.")
                 : STR("unauthorized access"));
    return false;
}

static bool check_bearer(struct sim_exchange *ex, struct ags_call *call) {
    struct str token = credentials_of(&ex->req, STR("Bearer"));
    const char *why = "no bearer token";
    if (token.p != NULL)
        why = ags_token_check(call->ags, token, ex->arena, &call->claims);
    ex->verdict = STR("token ok");
    if (why == NULL)
        return true;
    refuse(ex, why, STR("UnauthorizedAccess"), STR("unauthorized access"));
    return false;
}

static bool check_permission(struct sim_exchange *ex, const char *resource, int action) {
    struct ags_call *call = ags_call_of(ex);
    struct buf body;
    if (ags_token_permits(&call->claims, resource, action, call->captures[0]))
        return true;
    ex->verdict = STR("refused: no permission");
    buf_init(&body, AGS_MAX_ANSWER);
    buf_puts(&body, "{\"attributes\":{},\"errorCode\":20013,\"errorMessage\":\"insufficient "
                    "permissions\",\"message\":\"insufficient permissions\",\"name\":"
                    "\"InsufficientPermissions\",\"requiredPermission\":{");
    sim_json_int(&body, "action", action);
    sim_json_str(&body, "resource", str_c(resource));
    buf_puts(&body, "}}");
    ags_reply(ex, 403, &body);
    buf_free(&body);
    return false;
}

/* ---- game sessions ---- */

static struct ags_session *find_session(struct sim_exchange *ex) {
    struct ags_call *call = ags_call_of(ex);
    struct ags_session *s = ags_session_find(call->ags, call->captures[0], call->captures[1]);
    if (s == NULL)
        ags_error(ex, 404, STR("SessionNotFound"), STR("game session not found"));
    return s;
}

static void answer_get_session(struct sim_exchange *ex) {
    struct buf body;
    if (!check_permission(ex, SESSION_RESOURCE, 2))
        return;
    const struct ags_session *s = find_session(ex);
    if (s == NULL)
        return;
    buf_init(&body, AGS_MAX_ANSWER);
    ags_session_json(s, ex->arena, &body);
    ags_reply(ex, 200, &body);
    buf_free(&body);
}

static void answer_update(struct sim_exchange *ex) {
    if (!check_permission(ex, "ADMIN:" SESSION_RESOURCE, 4))
        return;
    struct ags_session *s = find_session(ex);
    if (s == NULL)
        return;
    struct err *err = ags_session_report(ags_call_of(ex)->ags, s, ex->req.body, ex->arena);
    if (err != NULL)
        ags_error(ex, 400, STR("ValidationError"), err->msg);
    else
        sim_reply_text(ex, 204, NULL, STR(""));
}

/* ---- the way in ---- */

static const struct ags_route routes[] = {
    {
        .operation = STR_INIT("TokenGrantV3"),
        .number = AGS_TOKEN_GRANT,
        .method = "POST",
        .path = "/iam/v3/oauth/token",
        .caller = AGS_CALLER_BASIC,
        .error_form = AGS_ERROR_OAUTH,
        .answer = ags_answer_token,
    },
    {
        .operation = STR_INIT("VerifyTokenV3"),
        .number = AGS_VERIFY_TOKEN,
        .method = "POST",
        .path = "/iam/v3/oauth/verify",
        .caller = AGS_CALLER_BASIC,
        .error_form = AGS_ERROR_OAUTH,
        .answer = ags_answer_verify,
    },
    {
        .operation = STR_INIT("GetJWKSV3"),
        .number = AGS_GET_JWKS,
        .method = "GET",
        .path = "/iam/v3/oauth/jwks",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_IAM,
        .answer = ags_answer_jwks,
    },
    {
        .operation = STR_INIT("GetRevocationListV3"),
        .number = AGS_GET_REVOCATION_LIST,
        .method = "GET",
        .path = "/iam/v3/oauth/revocationlist",
        .caller = AGS_CALLER_BASIC,
        .error_form = AGS_ERROR_IAM,
        .answer = ags_answer_revocation_list,
    },
    {
        .operation = STR_INIT("getGameSession"),
        .number = AGS_GET_GAME_SESSION,
        .method = "GET",
        .path = "/session/v1/public/namespaces/*/gamesessions/*",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_SESSION,
        .answer = answer_get_session,
    },
    {
        .operation = STR_INIT("adminUpdateDSInformation"),
        .number = AGS_UPDATE_DS_INFORMATION,
        .method = "PUT",
        .path = "/session/v1/admin/namespaces/*/gamesessions/*/dsinformation",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_SESSION,
        .answer = answer_update,
    },
    {
        .operation = STR_INIT("AdminGetRoleNamespacePermissionV3"),
        .number = AGS_GET_ROLE_OVERRIDE,
        .method = "GET",
        .path = "/iam/v3/admin/namespaces/*/roleoverride/*/permissions",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_IAM,
        .answer = ags_answer_role_override,
    },
    {
        .operation = STR_INIT("AdminGetRoleV3"),
        .number = AGS_GET_ROLE,
        .method = "GET",
        .path = "/iam/v3/admin/roles/*",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_IAM,
        .answer = ags_answer_role,
    },
    {
        .operation = STR_INIT("getNamespaceContext"),
        .number = AGS_GET_NAMESPACE_CONTEXT,
        .method = "GET",
        .path = "/basic/v1/admin/namespaces/*/context",
        .caller = AGS_CALLER_BEARER,
        .error_form = AGS_ERROR_IAM,
        .answer = ags_answer_context,
    },
};

/* The segments that stand for "*" are unescaped, and not empty. */
static bool path_fits(struct str path, struct str pattern, struct arena *a,
                      struct str captures[AGS_MAX_CAPTURES]) {
    size_t n = 0;
    while (!str_empty(pattern) && !str_empty(path)) {
        struct str want = str_sub(pattern, 0, str_find(pattern, '/'));
        struct str got = str_sub(path, 0, str_find(path, '/'));
        if ((pattern.n > want.n) != (path.n > got.n))
            return false;
        pattern = str_from(pattern, want.n + 1);
        path = str_from(path, got.n + 1);
        if (!str_eq(want, STR("*"))) {
            if (!str_eq(want, got))
                return false;
        } else if (n == AGS_MAX_CAPTURES || str_empty(got) ||
                   !form_unescape(got, false, a, &captures[n++])) {
            return false;
        }
    }
    return str_empty(pattern) && str_empty(path);
}

static void operate(struct sim_exchange *ex) {
    struct ags_call *call = ags_call_of(ex);
    bool known =
        call->route->caller == AGS_CALLER_BASIC ? check_basic(ex, call) : check_bearer(ex, call);
    if (known)
        call->route->answer(ex);
}

static void handle(struct sim_exchange *ex) {
    struct ags_call *call = OBJ_NEW(ex->arena, ags_call, AGS_CALL_MAGIC);
    bool path_known = false;
    ex->scratch = call;
    call->ags = OBJ_CAST(ex->service->state, ags, AGS_MAGIC);
    for (size_t i = 0; i < ARRAY_LEN(routes) && call->route == NULL; i++) {
        if (!path_fits(ex->req.path, str_c(routes[i].path), ex->arena, call->captures))
            continue;
        path_known = true;
        if (str_eq(ex->req.method, str_c(routes[i].method)))
            call->route = &routes[i];
    }
    if (call->route == NULL) {
        ags_error(ex, path_known ? 405 : 404, STR("NotFound"), STR("no such path or method"));
        return;
    }
    ex->operation = call->route->operation;
    ex->location = call->captures[0];
    call->ags->calls[call->route->number]++;
    faults_run(ex, operate);
}

static bool matches(const struct sim_request *req) {
    return str_starts(req->path, STR("/iam/")) || str_starts(req->path, STR("/session/")) ||
           str_starts(req->path, STR("/basic/"));
}

static void reset(void *state) {
    ags_clear(OBJ_CAST(state, ags, AGS_MAGIC));
}

struct sim_service ags_service(struct ags *ags) {
    return (struct sim_service){
        .name = "ags",
        .matches = matches,
        .handle = handle,
        .error = ags_error,
        .reset = reset,
        .state = ags,
    };
}
