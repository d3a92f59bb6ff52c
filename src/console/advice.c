// SPDX-License-Identifier: Apache-2.0
#include "console/advice.h"

#include "base/obj.h"

#define GAMELIFT "GameLift"
#define SQS "SQS"
#define AGS "AGS"

const struct advice advice_rows[] = {
    {GAMELIFT, "DescribeGameSessionPlacement", "NotFoundException",
     "There is no such placement: what was looked for is not there.", NULL, false},
    {GAMELIFT, "StopGameSessionPlacement", "NotFoundException",
     "There is no such placement to be stopped.", NULL, false},
    {GAMELIFT, "TerminateGameSession", "NotFoundException", "The game session is gone already.",
     NULL, false},
    {GAMELIFT, "TerminateGameSession", "InvalidGameSessionStatusException",
     "The game session has ended by itself.", NULL, false},
    {GAMELIFT, NULL, "FleetCapacityExceededException",
     "The fleet has no free server process at that location.",
     "Raise the location's capacity or its scaling policy, or let the session template name more "
     "regions.",
     false},
    {GAMELIFT, NULL, "UnsupportedRegionException", "The fleet is not deployed to that location.",
     "Add the location to the fleet, or take the region out of the session template.", true},
    {GAMELIFT, NULL, "NotFoundException",
     "GameLift knows no such alias, fleet, queue or game session.",
     "Compare the session template's deployment with the GameLift console: an alias id begins with "
     "alias-, and AWS_REGION must be its home region.",
     true},
    {GAMELIFT, NULL, "InvalidFleetStatusException", "The fleet is not ACTIVE.",
     "Look at the fleet's events in the GameLift console; point the alias at an active fleet.",
     true},
    {GAMELIFT, NULL, "TerminalRoutingStrategyException",
     "The alias is closed: it leads to no fleet.",
     "Give the alias a fleet again, or use another one in the session template.", true},
    {GAMELIFT, NULL, "UnauthorizedException", "The AWS credentials may not do this.",
     "Give the user or role the statements of deploy/iam-policy.json.", true},
    {GAMELIFT, NULL, "AccessDeniedException", "The AWS credentials may not do this.",
     "Give the user or role the statements of deploy/iam-policy.json.", true},
    {GAMELIFT, NULL, "UnrecognizedClientException", "AWS does not know the access key.",
     "Check AWS_ACCESS_KEY_ID: the key may be deleted or switched off.", true},
    {GAMELIFT, NULL, "InvalidSignatureException", "AWS refuses the signature.",
     "Check AWS_SECRET_ACCESS_KEY, and that the machine's clock is right.", true},
    {GAMELIFT, NULL, "ExpiredTokenException", "The temporary AWS credentials have expired.",
     "Renew them; keys in the environment are never renewed by themselves.", true},
    {GAMELIFT, NULL, "ThrottlingException", "GameLift asks for fewer requests.",
     "It is tried again by itself. If it goes on, ask AWS for a higher quota.", false},
    {GAMELIFT, NULL, "LimitExceededException", "A quota of the AWS account is used up.",
     "Look at the GameLift quotas in the Service Quotas console and ask for more.", true},
    {GAMELIFT, NULL, "InternalServiceException", "GameLift failed on its side.",
     "It is tried again by itself. If it goes on, look at the AWS Health Dashboard.", false},
    {GAMELIFT, NULL, "InvalidRequestException", "GameLift finds a value of the request wrong.",
     "The message names it; correct it in the session template or in what the game sends.", true},
    {GAMELIFT, NULL, "InvalidGameSessionStatusException",
     "The game session was not in a state that allows this.",
     "Nothing: it has usually ended by itself in between.", false},
    {GAMELIFT, NULL, "NotReadyException", "The game server cannot be asked to end yet.",
     "It is tried again by itself. If it goes on, look at the server's log, or set "
     "GAMELIFT_TERMINATION_MODE=FORCE_TERMINATE.",
     false},
    {GAMELIFT, NULL, "ConflictException", "GameLift reports a conflict with another request.",
     "Nothing, unless it goes on: the request is repeated by AGS.", false},
    {GAMELIFT, NULL, "IdempotentParameterMismatchException",
     "The same session was asked for before with other values.",
     "Nothing, unless it goes on: the next request for the session gets a token of its own.",
     false},
    {SQS, NULL, "QueueDoesNotExist", "There is no such queue.",
     "Check PLACEMENT_EVENTS_QUEUE_URL; deploy/terraform prints the right one.", true},
    {SQS, NULL, "AWS.SimpleQueueService.NonExistentQueue", "There is no such queue.",
     "Check PLACEMENT_EVENTS_QUEUE_URL; deploy/terraform prints the right one.", true},
    {SQS, NULL, "AccessDeniedException", "The AWS credentials may not use the queue.",
     "Give the user or role the statement TakePlacementEvents of deploy/iam-policy.json.", true},
    {SQS, NULL, "ReceiptHandleIsInvalid",
     "A message was dealt with after it had gone to somebody else.",
     "Nothing, unless it goes on: then raise PLACEMENT_VISIBILITY_TIMEOUT.", false},
    {SQS, NULL, "AWS.SimpleQueueService.MessageNotInflight", "The message was given back already.",
     NULL, false},
    {SQS, NULL, "OverLimit", "Too many messages are in flight at the queue.",
     "Look for replicas that take messages and do not give them back.", false},
    {AGS, NULL, "HTTP 401", "AGS refuses the app's IAM client.",
     "Check AB_CLIENT_ID, AB_CLIENT_SECRET and AB_BASE_URL.", true},
    {AGS, "adminUpdateDSInformation", "HTTP 403", "The app's IAM client may not report placements.",
     "Add ADMIN:NAMESPACE:{namespace}:SESSION:GAME [UPDATE] to the client in the admin portal.",
     true},
    {AGS, NULL, "HTTP 403", "The app's IAM client lacks a permission.",
     "Add NAMESPACE:{namespace}:SESSION:GAME [READ] to the client in the admin portal.", true},
    {AGS, NULL, "HTTP 404", "AGS knows no such session: it was deleted in between.", NULL, false},
    {AGS, NULL, "HTTP 429", "AGS asks for fewer requests.",
     "It is tried again by itself. A studio has 5,000 requests a minute in AGS Shared Cloud.",
     false},
    {AGS, NULL, "HTTP 500", "AGS failed on its side.",
     "It is tried again by itself. If it goes on, ask AccelByte.", false},
    {AGS, NULL, "HTTP 503", "AGS is not available.",
     "It is tried again by itself. If it goes on, ask AccelByte.", false},
    {NULL, NULL, "Unavailable",
     "There was no answer: the host could not be reached, or the connection "
     "broke.",
     "Look at the network, the proxy and the endpoint settings. It is tried again by itself.",
     false},
    {NULL, NULL, "DeadlineExceeded", "The answer did not come in time.",
     "Look at the network; if AWS is slow, AGS may have to wait longer.", false},
    {NULL, NULL, "Internal", "The answer could not be used, or the TLS certificate is not trusted.",
     "The log has the details. Behind a proxy that inspects TLS set AWS_CA_BUNDLE.", true},
    {NULL, NULL, NULL, "The upstream refused the request.",
     "Its message is here, the rest in the log; the table of docs/troubleshooting.md may help.",
     false},
};

const size_t advice_n_rows = ARRAY_LEN(advice_rows);

static bool fits(const char *wanted, struct str text) {
    return wanted == NULL || str_eq(text, str_c(wanted));
}

const struct advice *advice_for(struct str service, struct str operation, struct str type) {
    const struct advice *row = advice_rows;
    while (row->type != NULL && !(fits(row->service, service) && fits(row->operation, operation) &&
                                  fits(row->type, type)))
        row++;
    return row;
}
