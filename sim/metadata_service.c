// SPDX-License-Identifier: Apache-2.0
#include "base/obj.h"
#include "sim/json.h"
#include "sim/metadata.h"

#define MAX_ANSWER ((size_t)1 << 20) /* bytes */
#define META_DATA "/latest/meta-data/"
#define ROLES META_DATA "iam/security-credentials/"
#define TTL_HEADER "x-aws-ec2-metadata-token-ttl-seconds"
#define MAX_TOKEN_TTL_S 21600

static struct sts *state_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->service->state, sts, STS_MAGIC);
}

static bool is_instance(const struct sim_request *req) {
    return str_starts(req->path, STR("/latest/"));
}

/* Containers get JSON, instances a small page. */
static void error(struct sim_exchange *ex, int status, struct str type, struct str message) {
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    if (is_instance(&ex->req)) {
        buf_printf(&body, "<html><head><title>%d - " STR_FMT "</title></head></html>\n", status,
                   STR_ARG(type));
        sim_reply_text(ex, status, "text/html", buf_str(&body));
    } else {
        buf_putc(&body, '{');
        sim_json_str(&body, "code", type);
        sim_json_str(&body, "message", message);
        buf_putc(&body, '}');
        sim_reply_text(ex, status, "application/json", buf_str(&body));
    }
    buf_free(&body);
}

static void refuse(struct sim_exchange *ex, int status, const char *type, const char *message) {
    ex->verdict = arena_printf(ex->arena, "refused: %s", message);
    error(ex, status, str_c(type), str_c(message));
}

static void put_credentials(struct sim_exchange *ex, struct buf *out) {
    struct sts_credentials c;
    sts_issue(state_of(ex), 0, ex->arena, &c);
    sim_json_str(out, "AccessKeyId", c.access_key_id);
    sim_json_str(out, "SecretAccessKey", c.secret_access_key);
    sim_json_str(out, "Token", c.session_token);
    sim_json_str(out, "Expiration", c.expiration);
}

/* ---- containers ---- */

static void answer_container(struct sim_exchange *ex) {
    struct buf body;
    bool ecs = str_starts(ex->req.path, STR("/v2/"));
    struct str given = sim_request_header(&ex->req, STR("authorization"));
    if (!ecs && !str_eq(given, state_of(ex)->settings.container_token)) {
        refuse(ex, 401, "AccessDenied", "Authorization is not the token");
        return;
    }
    ex->verdict = ecs ? STR("anybody may ask") : STR("token ok");
    buf_init(&body, MAX_ANSWER);
    buf_putc(&body, '{');
    if (ecs)
        sim_json_str(&body, "RoleArn", STR("arn:aws:iam::123456789012:role/sim-task-role"));
    put_credentials(ex, &body);
    buf_putc(&body, '}');
    sim_reply_text(ex, 200, "application/json", buf_str(&body));
    buf_wipe(&body);
}

/* ---- instances ---- */

static void answer_token(struct sim_exchange *ex) {
    struct sts *sts = state_of(ex);
    struct str ttl = sim_request_header(&ex->req, STR(TTL_HEADER));
    int64_t seconds = 0;
    /* A proxy in between would hand the token out to the world. */
    if (sim_request_header(&ex->req, STR("x-forwarded-for")).p != NULL) {
        refuse(ex, 403, "Forbidden", "the request was forwarded");
        return;
    }
    if (!str_to_int64(ttl, &seconds) || seconds < 1 || seconds > MAX_TOKEN_TTL_S) {
        refuse(ex, 400, "Bad Request", TTL_HEADER " must be between 1 and 21600");
        return;
    }
    struct sts_imds_token *token = &sts->imds_tokens[sts->next_imds_token];
    sts->next_imds_token = (sts->next_imds_token + 1) % STS_IMDS_TOKENS;
    struct str text = sts_random_text(ex->arena, STS_IMDS_TOKEN_SIZE - 1);
    memcpy(token->text, text.p, text.n);
    token->text[text.n] = '\0';
    token->expires_ms = sim_now_ms(ex->sim) + seconds * 1000;
    sim_reply_text(ex, 200, "text/plain", text);
    sim_reply_header(ex, STR(TTL_HEADER), arena_str(ex->arena, ttl));
}

static bool token_known(struct sim_exchange *ex, struct str given) {
    const struct sts *sts = state_of(ex);
    for (size_t i = 0; i < STS_IMDS_TOKENS; i++)
        if (!str_empty(given) && str_eq(str_c(sts->imds_tokens[i].text), given))
            return sts->imds_tokens[i].expires_ms > sim_now_ms(ex->sim);
    return false;
}

static void answer_role(struct sim_exchange *ex) {
    sim_reply_text(ex, 200, "text/plain", state_of(ex)->settings.instance_role);
}

static void answer_region(struct sim_exchange *ex) {
    sim_reply_text(ex, 200, "text/plain", state_of(ex)->settings.instance_region);
}

static void answer_credentials(struct sim_exchange *ex) {
    struct buf body;
    buf_init(&body, MAX_ANSWER);
    buf_putc(&body, '{');
    sim_json_str(&body, "Code", STR("Success"));
    sim_json_str(&body, "LastUpdated", sts_time(ex->arena, sim_now_ms(ex->sim)));
    sim_json_str(&body, "Type", STR("AWS-HMAC"));
    put_credentials(ex, &body);
    buf_putc(&body, '}');
    sim_reply_text(ex, 200, "text/plain", buf_str(&body));
    buf_wipe(&body);
}

/* What the path means; NULL if there is nothing. */
static sim_step_fn *find_metadata(const struct sts *sts, struct str path, struct str *ret_name) {
    struct str role = sts->settings.instance_role;
    bool roles = str_starts(path, STR(ROLES)) && !str_empty(role);
    if (roles && path.n == STR(ROLES).n) {
        *ret_name = STR("ImdsRole");
        return answer_role;
    }
    if (roles && str_eq(str_from(path, STR(ROLES).n), role)) {
        *ret_name = STR("ImdsCredentials");
        return answer_credentials;
    }
    if (str_eq(path, STR(META_DATA "placement/region"))) {
        *ret_name = STR("ImdsRegion");
        return answer_region;
    }
    /* Asked for in vain, but a rule may still be for them. */
    if (str_starts(path, STR(ROLES)))
        *ret_name = path.n == STR(ROLES).n ? STR("ImdsRole") : STR("ImdsCredentials");
    return NULL;
}

static void answer_metadata(struct sim_exchange *ex) {
    struct str given = sim_request_header(&ex->req, STR("x-aws-ec2-metadata-token"));
    struct str name = STR_NULL;
    bool known = token_known(ex, given);
    if (!known && (given.p != NULL || !state_of(ex)->settings.imds_v1)) {
        refuse(ex, 401, "Unauthorized", given.p == NULL ? "no token" : "token unknown or expired");
        return;
    }
    ex->verdict = known ? STR("token ok") : STR("version 1, without a token");
    sim_step_fn *answer = find_metadata(state_of(ex), ex->req.path, &name);
    if (answer == NULL)
        error(ex, 404, STR("Not Found"), STR("no such metadata"));
    else
        answer(ex);
}

/* ---- the way in ---- */

static void handle(struct sim_exchange *ex) {
    sim_step_fn *operate = answer_container;
    const char *method = "GET";
    ex->operation = STR("ContainerCredentials");
    if (str_eq(ex->req.path, STR("/latest/api/token"))) {
        ex->operation = STR("ImdsToken");
        operate = answer_token;
        method = "PUT";
    } else if (is_instance(&ex->req)) {
        ex->operation = STR_NULL;
        (void)find_metadata(state_of(ex), ex->req.path, &ex->operation);
        operate = answer_metadata;
    }
    if (str_eq(ex->req.method, str_c(method)))
        faults_run(ex, operate);
    else
        error(ex, 405, STR("Method Not Allowed"), STR("method not allowed"));
}

static bool matches(const struct sim_request *req) {
    return is_instance(req) || str_eq(req->path, STR("/v1/credentials")) ||
           (str_starts(req->path, STR("/v2/credentials/")) &&
            req->path.n > STR("/v2/credentials/").n);
}

struct sim_service metadata_service(struct sts *sts) {
    return (struct sim_service){
        .name = "metadata",
        .matches = matches,
        .handle = handle,
        .error = error,
        .state = sts,
    };
}
