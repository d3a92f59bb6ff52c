// SPDX-License-Identifier: Apache-2.0
#include "app_aws.h"

#include "aws/credentials_chain.h"
#include "aws/region.h"
#include "aws/sdk_settings.h"
#include "base/clock.h"
#include "base/obj.h"
#include "placements/placements.h"
#include "version.h"

#define INSTANCE_WAIT_MS 5000 /* for an EC2 instance's credentials at the start */

/* What is needed until the clients stand. */
struct start {
    struct arena *arena;
    const struct app_aws_options *options;
    struct app_aws *aws;
    const struct shared_config *files;
    struct endpoint_settings endpoint; /* of GameLift */
    struct aws_sdk_settings sdk;
    struct aws_user_agent agent;
    struct err *no_credentials; /* why there are none */
};

/* ---- credentials ---- */

static void on_first_credentials(void *priv, const struct aws_credentials *creds,
                                 const struct err *err) {
    struct start *s = priv;
    (void)creds;
    if (err != NULL && (err->http_status >= 500 || err->http_status == 429))
        LOG_WARN(NULL, "no AWS credentials yet", LOG_ERR(err));
    else if (err != NULL)
        s->no_credentials =
            ERR_INVALID(s->arena, STR_FMT "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                        STR_ARG(err->msg));
    loop_stop(s->options->loop);
}

/*
 * Without any source configured only an EC2 instance's role is left. Whether there is one shows at
 * once on an instance, if only by its being too busy to answer; anywhere else it is a missing
 * setting, and is told as one.
 */
static struct err *ask_for_credentials(struct start *s) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct ctx ctx;
    ctx_init(&ctx, a, NULL, clock_mono_ms() + INSTANCE_WAIT_MS);
    if (aws_credentials_peek(s->aws->credentials) == NULL) {
        aws_credentials_get(s->aws->credentials, &ctx, on_first_credentials, s);
        loop_run(s->options->loop);
    }
    arena_free(a);
    return s->no_credentials;
}

static struct err *find_credentials(struct start *s) {
    bool unconfigured = false;
    const struct aws_credentials_chain_options chain = {
        .loop = s->options->loop,
        .http = s->options->http,
        .env = &s->options->config->aws,
        .config = s->files,
        .user_agent = aws_user_agent(s->arena, &s->agent),
        .unconfigured = &unconfigured,
        .features = &s->agent.credentials,
    };
    struct err *err = aws_credentials_chain_new(s->arena, &chain, &s->aws->credentials);
    return err == NULL && unconfigured ? ask_for_credentials(s) : err;
}

/* ---- settings ---- */

/* From the environment, and from the profile's files. */
static struct err *find_settings(struct start *s) {
    const struct config *c = s->options->config;
    struct str region = aws_region_find(&c->aws, s->files);
    if (str_empty(region))
        return ERR_INVALID(s->arena, "AWS_REGION is not set, and no profile has a region; set it "
                                     "to something like us-east-1");
    struct err *err =
        aws_endpoint_settings(s->arena, &c->aws, s->files, STR("gamelift"), region, &s->endpoint);
    if (err != NULL)
        return err;
    s->endpoint.region_name = !str_empty(c->aws.region)           ? "AWS_REGION"
                              : !str_empty(c->aws.default_region) ? "AWS_DEFAULT_REGION"
                                                                  : "the region of the AWS profile";
    err = aws_sdk_settings(s->arena, &c->aws, s->files, c->aws_max_attempts, &s->sdk);
    s->agent = (struct aws_user_agent){
        .product = STR("session-dsm/" VERSION),
        .execution_env = c->aws.execution_env,
        .app_id = s->sdk.app_id,
        .overridden = !s->endpoint.ignore_urls &&
                      (!str_empty(s->endpoint.service_url) || !str_empty(s->endpoint.url)),
    };
    if (err == NULL && !str_empty(s->sdk.other_mode))
        LOG_WARN(NULL, "AWS_RETRY_MODE is taken as standard", LOG_STR("asked", s->sdk.other_mode));
    return err;
}

/* ---- clients ---- */

static struct aws_client_options client_options(const struct start *s,
                                                const struct endpoint_settings *endpoint) {
    return (struct aws_client_options){
        .loop = s->options->loop,
        .http = s->options->http,
        .credentials = s->aws->credentials,
        .endpoint = *endpoint,
        .user_agent = aws_user_agent(s->arena, &s->agent),
        .max_attempts = s->sdk.max_attempts,
        .without_skew = s->sdk.without_skew,
        .observe = s->options->observe,
        .observe_priv = s->options->observe_priv,
        .tracer = s->options->tracer,
    };
}

static struct err *connect_gamelift(struct start *s) {
    struct aws_client_options options = client_options(s, &s->endpoint);
    options.protocol = str_eq(s->options->config->gamelift_protocol, STR("cbor"))
                           ? AWS_PROTOCOL_CBOR
                           : AWS_PROTOCOL_JSON;
    return aws_client_new(&options, s->arena, &s->aws->gamelift);
}

/* The queue is where its URL says, whatever AWS_REGION is. */
static struct err *connect_sqs(struct start *s) {
    const struct config *c = s->options->config;
    struct endpoint_settings endpoint;
    if (str_empty(c->placement_events_queue_url))
        return NULL;
    struct str region = placements_queue_region(c->placement_events_queue_url);
    if (str_empty(region))
        region = aws_client_region(s->aws->gamelift);
    struct err *err =
        aws_endpoint_settings(s->arena, &c->aws, s->files, STR("sqs"), region, &endpoint);
    if (err != NULL)
        return err;
    endpoint.region_name = "PLACEMENT_EVENTS_QUEUE_URL's region";
    struct aws_client_options options = client_options(s, &endpoint);
    options.attempt_timeout_ms = (int64_t)(CONSUMER_WAIT_S + 10) * 1000;
    return aws_client_new(&options, s->arena, &s->aws->sqs);
}

struct err *app_aws_start(struct app_aws *ret, struct arena *a,
                          const struct app_aws_options *options) {
    struct start s = {.arena = a, .options = options, .aws = ret};
    struct shared_config *files = NULL;
    struct err *err = shared_config_load(a, &options->config->aws, &files);
    s.files = files;
    if (err == NULL)
        err = find_settings(&s);
    if (err == NULL)
        err = find_credentials(&s);
    if (err == NULL)
        err = connect_gamelift(&s);
    if (err == NULL)
        err = connect_sqs(&s);
    shared_config_free(files);
    return err;
}

void app_aws_end_clients(struct app_aws *aws) {
    aws_client_free(aws->sqs);
    aws_client_free(aws->gamelift);
}

void app_aws_end_credentials(struct app_aws *aws) {
    aws_credentials_provider_free(aws->credentials);
}
