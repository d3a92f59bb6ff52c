// SPDX-License-Identifier: Apache-2.0
/*
 * The least that serving a unary call on gRPC's C core costs: whatever comes in is answered with
 * the same bytes. Nothing is decoded, checked, logged or counted.
 *
 *     floor_grpc METHOD REPLY_FILE [PORT]
 *
 * METHOD is a path such as /package.Service/Method, REPLY_FILE holds a packed message. Prints
 * "listening on PORT" and serves until it is killed. As fast as we know how: the method registered,
 * its payload read together with the call, 64 calls asked for ahead, one queue and one thread,
 * one batch for the answer. Channelz and compression are off, as in the service itself.
 */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <stdio.h>
#include <stdlib.h>

#define ARMED 64

struct call {
    grpc_call *core;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    int cancelled;
    int answered; /* the next event ends the call */
};

static grpc_server *server;
static grpc_completion_queue *queue;
static void *method;
static grpc_byte_buffer *reply;

static void die(const char *why) {
    fprintf(stderr, "floor_grpc: %s\n", why);
    exit(1);
}

static void arm(struct call *call) {
    *call = (struct call){0};
    grpc_metadata_array_init(&call->metadata);
    if (grpc_server_request_registered_call(server, method, &call->core, &call->deadline,
                                            &call->metadata, &call->payload, queue, queue,
                                            call) != GRPC_CALL_OK)
        die("cannot ask for a call");
}

static void answer(struct call *call) {
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = reply},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
         .data.recv_close_on_server.cancelled = &call->cancelled},
    };
    call->answered = 1;
    if (grpc_call_start_batch(call->core, ops, sizeof ops / sizeof *ops, call, NULL) !=
        GRPC_CALL_OK)
        die("cannot answer");
}

static void end(struct call *call) {
    grpc_metadata_array_destroy(&call->metadata);
    if (call->payload != NULL)
        grpc_byte_buffer_destroy(call->payload);
    grpc_call_unref(call->core);
    free(call);
}

static struct call *new_call(void) {
    struct call *call = malloc(sizeof *call);
    if (call == NULL)
        die("out of memory");
    return call;
}

static void serve(void) {
    for (int i = 0; i < ARMED; i++)
        arm(new_call());
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        struct call *call = event.tag;
        if (event.type != GRPC_OP_COMPLETE)
            die("the queue ended");
        if (call->answered) {
            end(call);
        } else {
            arm(new_call());
            answer(call);
        }
    }
}

static grpc_byte_buffer *read_reply(const char *name) {
    static char bytes[1 << 20];
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        die("cannot read the reply");
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes, n);
    grpc_byte_buffer *made = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return made;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4)
        die("usage: floor_grpc METHOD REPLY_FILE [PORT]");
    grpc_arg args[] = {
        {.type = GRPC_ARG_INTEGER, .key = (char[]){GRPC_ARG_ENABLE_CHANNELZ}},
        {.type = GRPC_ARG_INTEGER,
         .key = (char[]){GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET},
         .value.integer = 1},
    };
    const grpc_channel_args channel_args = {.num_args = 2, .args = args};
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", argc == 4 ? atoi(argv[3]) : 0);
    grpc_init();
    reply = read_reply(argv[2]);
    server = grpc_server_create(&channel_args, NULL);
    method = grpc_server_register_method(server, argv[1], NULL,
                                         GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(server, address, plain);
    grpc_server_credentials_release(plain);
    if (method == NULL || port == 0)
        die("cannot listen");
    grpc_server_start(server);
    printf("listening on %d\n", port);
    fflush(stdout);
    serve();
}
