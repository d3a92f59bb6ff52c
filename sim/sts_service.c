// SPDX-License-Identifier: Apache-2.0
/*
 * The stand-in for the Security Token Service on the wire: the AWS Query protocol, a form in and
 * XML out. https://docs.aws.amazon.com/STS/latest/APIReference/
 */
#include "base/obj.h"
#include "sim/form.h"
#include "sim/sts.h"

#define MAX_ANSWER ((size_t)1 << 20) /* bytes */
#define NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"
#define VERSION "2011-06-15"

struct operation {
    struct str name;
    bool is_signed;
    sim_step_fn *answer;
};

/* One call between its steps; in ex->scratch. */
struct call {
    unsigned magic;
#define CALL_MAGIC 0x575ca11aU
    struct sts *sts;
    const struct operation *op;
    struct form form;
};

static struct call *call_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->scratch, call, CALL_MAGIC);
}

/* ---- XML ---- */

static void put_escaped(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        case '&':
            buf_puts(out, "&amp;");
            break;
        default:
            buf_putc(out, text.p[i]);
        }
    }
}

static void put_element(struct buf *out, const char *name, struct str text) {
    buf_printf(out, "<%s>", name);
    put_escaped(out, text);
    buf_printf(out, "</%s>", name);
}

static void reply(struct sim_exchange *ex, int status, const struct buf *body) {
    sim_reply_text(ex, status, "text/xml", buf_str(body));
    sim_reply_header(ex, STR("x-amzn-RequestId"), ex->request_id);
}

static void error(struct sim_exchange *ex, int status, struct str type, struct str message) {
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    /* The name that a rule of kind "throttle" gives is that of AWS's JSON services. */
    if (str_eq(type, STR("ThrottlingException")))
        type = STR("Throttling");
    buf_puts(&body, "<ErrorResponse xmlns=\"" NAMESPACE "\"><Error>");
    put_element(&body, "Type", status < 500 ? STR("Sender") : STR("Receiver"));
    put_element(&body, "Code", type);
    put_element(&body, "Message", message);
    buf_puts(&body, "</Error>");
    put_element(&body, "RequestId", ex->request_id);
    buf_puts(&body, "</ErrorResponse>");
    reply(ex, status, &body);
    buf_free(&body);
}

static void refuse(struct sim_exchange *ex, int status, const char *type, const char *message) {
    ex->verdict = arena_printf(ex->arena, "refused: %s", type);
    error(ex, status, str_c(type), str_c(message));
}

/* ---- operations ---- */

/* RoleArn, RoleSessionName and DurationSeconds, which both operations have. */
static bool read_role(struct sim_exchange *ex, struct sts_role *ret_role, int64_t *ret_duration) {
    const struct call *call = call_of(ex);
    struct str arn = form_get(&call->form, "RoleArn");
    struct str duration = form_get(&call->form, "DurationSeconds");
    const struct sts_settings *settings = &call->sts->settings;
    if (!sts_role_parse(arn, ret_role)) {
        refuse(ex, 400, "ValidationError", "RoleArn is missing or not the ARN of a role.");
        return false;
    }
    if (!sts_session_name_valid(form_get(&call->form, "RoleSessionName"))) {
        refuse(ex, 400, "ValidationError",
               "RoleSessionName must be 2 to 64 of letters, digits and _+=,.@-");
        return false;
    }
    if (duration.p != NULL &&
        (!str_to_int64(duration, ret_duration) || *ret_duration < 900 || *ret_duration > 43200)) {
        refuse(ex, 400, "ValidationError", "DurationSeconds must be between 900 and 43200.");
        return false;
    }
    if (!str_empty(settings->role_arn) && !str_eq(settings->role_arn, arn)) {
        refuse(ex, 403, "AccessDenied", "The caller is not authorized to assume this role.");
        return false;
    }
    return true;
}

static void put_credentials(struct buf *out, const struct sts_credentials *c) {
    buf_puts(out, "<Credentials>");
    put_element(out, "AccessKeyId", c->access_key_id);
    put_element(out, "SecretAccessKey", c->secret_access_key);
    put_element(out, "SessionToken", c->session_token);
    put_element(out, "Expiration", c->expiration);
    buf_puts(out, "</Credentials>");
}

static void put_user(struct sim_exchange *ex, struct buf *out, const struct sts_role *role) {
    struct str session = form_get(&call_of(ex)->form, "RoleSessionName");
    buf_puts(out, "<AssumedRoleUser>");
    put_element(out, "AssumedRoleId",
                arena_printf(ex->arena, "AROASIMROLEEXAMPLE:" STR_FMT, STR_ARG(session)));
    put_element(out, "Arn",
                arena_printf(ex->arena,
                             "arn:" STR_FMT ":sts::" STR_FMT ":assumed-role/" STR_FMT "/" STR_FMT,
                             STR_ARG(role->partition), STR_ARG(role->account), STR_ARG(role->name),
                             STR_ARG(session)));
    buf_puts(out, "</AssumedRoleUser>");
}

static void answer_credentials(struct sim_exchange *ex, const struct sts_role *role,
                               int64_t duration) {
    struct call *call = call_of(ex);
    const char *op = arena_cstr(ex->arena, call->op->name);
    struct sts_credentials credentials;
    struct buf body;
    sts_issue(call->sts, duration, ex->arena, &credentials);
    buf_init(&body, MAX_ANSWER);
    buf_printf(&body, "<%sResponse xmlns=\"" NAMESPACE "\"><%sResult>", op, op);
    put_credentials(&body, &credentials);
    put_user(ex, &body, role);
    buf_printf(&body, "</%sResult><ResponseMetadata>", op);
    put_element(&body, "RequestId", ex->request_id);
    buf_printf(&body, "</ResponseMetadata></%sResponse>", op);
    reply(ex, 200, &body);
    buf_wipe(&body);
}

static void answer_assume_role(struct sim_exchange *ex) {
    const struct call *call = call_of(ex);
    const struct sts_settings *settings = &call->sts->settings;
    struct sts_role role;
    int64_t duration = 0;
    if (!read_role(ex, &role, &duration))
        return;
    if (!str_empty(settings->external_id) &&
        !str_eq(settings->external_id, form_get(&call->form, "ExternalId"))) {
        refuse(ex, 403, "AccessDenied", "The caller is not authorized to assume this role.");
        return;
    }
    answer_credentials(ex, &role, duration);
}

static void answer_assume_role_with_web_identity(struct sim_exchange *ex) {
    const struct call *call = call_of(ex);
    struct str token = form_get(&call->form, "WebIdentityToken");
    struct sts_role role;
    int64_t duration = 0;
    if (!read_role(ex, &role, &duration))
        return;
    if (token.n < 4 || token.n > 20000) {
        refuse(ex, 400, "ValidationError", "WebIdentityToken must have 4 to 20000 characters.");
        return;
    }
    if (!str_eq(token, call->sts->settings.web_identity_token)) {
        refuse(ex, 400, "InvalidIdentityToken", "The web identity token cannot be validated.");
        return;
    }
    ex->verdict = STR("web identity token ok");
    answer_credentials(ex, &role, duration);
}

static const struct operation operations[] = {
    {.name = STR_INIT("AssumeRole"), .is_signed = true, .answer = answer_assume_role},
    {.name = STR_INIT("AssumeRoleWithWebIdentity"), .answer = answer_assume_role_with_web_identity},
};

/* ---- who asks ---- */

/* The same refusals as the JSON services', under the Query protocol's names and statuses. */
static const struct {
    struct str json;
    const char *query;
    int status;
} refusals[] = {
    {STR_INIT("MissingAuthenticationTokenException"), "MissingAuthenticationToken", 403},
    {STR_INIT("IncompleteSignatureException"), "IncompleteSignature", 400},
    {STR_INIT("InvalidSignatureException"), "SignatureDoesNotMatch", 403},
    {STR_INIT("UnrecognizedClientException"), "InvalidClientTokenId", 403},
    {STR_INIT("ExpiredTokenException"), "ExpiredToken", 403},
};

static bool check_caller(struct sim_exchange *ex) {
    struct auth_result r =
        auth_verify(&ex->sim->auth, &ex->req, STR("sts"), sim_now_ms(ex->sim), ex->arena);
    ex->region = r.region;
    ex->verdict = STR("signature ok");
    if (r.ok)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (!str_eq(refusals[i].json, r.error))
            continue;
        refuse(ex, refusals[i].status, refusals[i].query, arena_cstr(ex->arena, r.message));
        return false;
    }
    refuse(ex, 403, "AccessDenied", "The request is not authorized.");
    return false;
}

static bool read_call(struct sim_exchange *ex, struct call *call) {
    bool post = str_eq(ex->req.method, STR("POST"));
    struct err *err = form_parse(post ? ex->req.body : ex->req.query, ex->arena, &call->form);
    if (err != NULL) {
        error(ex, 400, STR("MalformedInput"), err->msg);
        return false;
    }
    struct str action = form_get(&call->form, "Action");
    for (size_t i = 0; i < ARRAY_LEN(operations) && call->op == NULL; i++)
        if (str_eq(operations[i].name, action))
            call->op = &operations[i];
    if (call->op == NULL || !str_eq(form_get(&call->form, "Version"), STR(VERSION))) {
        error(ex, 400, STR("InvalidAction"),
              STR("The stand-in has no action of that name and version."));
        return false;
    }
    ex->operation = call->op->name;
    return true;
}

static void handle(struct sim_exchange *ex) {
    struct call *call = OBJ_NEW(ex->arena, call, CALL_MAGIC);
    ex->scratch = call;
    call->sts = OBJ_CAST(ex->service->state, sts, STS_MAGIC);
    if (!read_call(ex, call) || (call->op->is_signed && !check_caller(ex)))
        return;
    faults_run(ex, call->op->answer);
}

static bool matches(const struct sim_request *req) {
    struct str type = sim_request_header(req, STR("content-type"));
    return str_eq(req->path, STR("/")) &&
           (str_eq_nocase(str_trim(str_sub(type, 0, str_find(type, ';'))),
                          STR("application/x-www-form-urlencoded")) ||
            str_starts(req->query, STR("Action=")));
}

static void reset(void *state) {
    sts_clear(OBJ_CAST(state, sts, STS_MAGIC));
}

struct sim_service sts_service(struct sts *sts) {
    return (struct sim_service){
        .name = "sts",
        .matches = matches,
        .handle = handle,
        .error = error,
        .reset = reset,
        .state = sts,
    };
}
