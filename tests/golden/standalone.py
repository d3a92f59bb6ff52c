#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`generate.py aws` and `generate.py grpc` serve a layout of one's own: the C compiles and works.

    standalone.py BUILD_FOLDER
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from generator import GENERATE, ROOT, compilers, run

WARNINGS = """-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Werror""".split()
SYSTEM = """-lgrpc -lgpr -lprotobuf-c -lcurl -lexpat -lyajl -lcbor -lpcre2-8 -lssl -lcrypto -luv -lz
    -lm -lpthread""".split()

# What both drivers begin with: a request's parts, and an answer with that body.
WIRE = r"""
#include "aws/protocol.h"
#include "base/obj.h"
#include <stdio.h>

static struct arena *arena;

static void fixed_token(char ret[RANDOM_UUID_SIZE]) {
    memcpy(ret, "00000000-0000-4000-8000-000000000000", RANDOM_UUID_SIZE);
}

static struct aws_request sent(const struct aws_operation *op, enum aws_protocol protocol,
                               const void *in) {
    const struct endpoint_settings settings = {
        .service = op->service->endpoint_prefix, .region = STR("eu-west-1")};
    const struct aws_protocol_options options = {.protocol = protocol, .token = fixed_token};
    struct endpoint endpoint;
    struct aws_request made;
    AZ(endpoint_resolve(arena, &settings, &endpoint));
    AZ(aws_request_make(op, &options, &endpoint, in, arena, &made));
    return made;
}

static const void *received(const struct aws_operation *op, enum aws_protocol protocol,
                            struct str body) {
    const struct http_response resp = {.status = 200, .body = body};
    void *out = NULL;
    AZ(aws_response_read(op, protocol, &resp, arena, &out));
    AN(out);
    return out;
}
"""

SQS = WIRE + r"""
#include "queue.h"

int main(void) {
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    const struct q_receive_message_request in = {
        .queue_url = STR("https://sqs.eu-west-1.amazonaws.com/1/a"),
        .has_max_number_of_messages = true, .max_number_of_messages = 10};
    struct aws_request req = sent(&q_receive_message_operation, AWS_PROTOCOL_JSON, &in);
    printf(STR_FMT "\n" STR_FMT "\n", STR_ARG(req.url), STR_ARG(req.body));
    const struct q_receive_message_result *out =
        received(&q_receive_message_operation, AWS_PROTOCOL_JSON,
                 STR("{\"Messages\":[{\"MessageId\":\"m-1\",\"Body\":\"hello\"},{\"New\":[1]}]}"));
    printf("%zu " STR_FMT " " STR_FMT "\n", out->messages.n, STR_ARG(out->messages.v[0].message_id),
           STR_ARG(out->messages.v[0].body));
    arena_free(arena);
    return 0;
}
"""

# A model of one's own, with what models have: it is whole, and in no folder of this repository.
LIBRARY_MODEL = {
    "version": "2.0",
    "metadata": {"apiVersion": "2031-02-03", "endpointPrefix": "library", "jsonVersion": "1.1",
                 "protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor", "json"],
                 "serviceId": "Library", "signatureVersion": "v4", "targetPrefix": "Library_2031"},
    "operations": {
        "Lend": {"name": "Lend", "input": {"shape": "Loan"}, "output": {"shape": "Loan"},
                 "errors": [{"shape": "GoneException"}], "idempotent": True},
        "Close": {"name": "Close"}},
    "shapes": {
        "Loan": {"type": "structure", "required": ["Title"], "members": {
            "Title": {"shape": "Title"}, "default": {"shape": "Flag"}, "Reader": {"shape": "Reader"},
            "Due": {"shape": "Time"}, "Pages": {"shape": "Pages"}, "Notes": {"shape": "Notes"},
            "Cover": {"shape": "Blob"}, "Fee": {"shape": "Double"}, "State": {"shape": "State"},
            "Way": {"shape": "Way"}, "Again": {"shape": "Loan"},
            "Token": {"shape": "Title", "idempotencyToken": True}}},
        "Title": {"type": "string", "min": 1, "max": 100, "pattern": "^[a-zA-Z0-9 -]+$"},
        "Reader": {"type": "string", "sensitive": True},
        "Flag": {"type": "boolean"}, "Time": {"type": "timestamp"}, "Blob": {"type": "blob"},
        "Double": {"type": "double"}, "Number": {"type": "integer"},
        "State": {"type": "string", "enum": ["IN", "OUT"]},
        "Pages": {"type": "list", "member": {"shape": "Number"}},
        "Notes": {"type": "map", "key": {"shape": "Title"}, "value": {"shape": "Title"}},
        "Way": {"type": "structure", "union": True, "members": {
            "Post": {"shape": "Title"}, "Desk": {"shape": "Number"}}},
        "GoneException": {"type": "structure", "exception": True,
                          "members": {"Message": {"shape": "Title"}}}},
}

LIBRARY = WIRE + r"""
#include "codec/redact.h"
#include "library.h"

int main(void) {
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    static const int32_t pages[] = {1, -2, 2147483647};
    const struct lib_notes_entry notes[] = {{.key = STR("a"), .value = STR("b")}};
    const struct lib_loan again = {.title = STR("More")};
    const struct lib_way way = {.has_desk = true, .desk = 7};
    const struct lib_loan in = {
        .title = STR("The C Book"), .has_default_ = true, .default_ = true, .reader = STR("Anna"),
        .has_due = true, .due = 1234567890123, .pages = {.v = pages, .n = 3},
        .notes = {.v = notes, .n = 1}, .cover = STR("\x01\xFF"), .has_fee = true, .fee = 0.5,
        .state = LIB_STATE_OUT, .way = &way, .again = &again,
    };
    static const enum aws_protocol protocols[] = {AWS_PROTOCOL_JSON, AWS_PROTOCOL_CBOR};
    for (size_t i = 0; i < 2; i++) {
        struct aws_request req = sent(&lib_lend_operation, protocols[i], &in);
        const struct lib_loan *out = received(&lib_lend_operation, protocols[i], req.body);
        ASSERT(str_eq(out->title, in.title) && out->default_ && out->due == in.due);
        ASSERT(out->pages.n == 3 && out->pages.v[2] == 2147483647 && out->notes.n == 1);
        ASSERT(str_eq(out->cover, in.cover) && out->fee == 0.5 && out->state == LIB_STATE_OUT);
        ASSERT(out->way->has_desk && out->way->desk == 7);
        ASSERT(str_eq(out->again->title, STR("More")));
        ASSERT(str_eq(out->token, STR("00000000-0000-4000-8000-000000000000")));
        printf(STR_FMT "\n", STR_ARG(req.url));
        if (protocols[i] == AWS_PROTOCOL_JSON)
            printf(STR_FMT "\n", STR_ARG(req.body));
    }
    printf(STR_FMT "\n", STR_ARG(codec_redacted(arena, &lib_loan_shape, &in)));
    arena_free(arena);
    return 0;
}
"""

PROTOS = {
    "shop/v1/order.proto": 'syntax = "proto3";\npackage shop.v1;\nimport "shop/v1/parts/item.proto";\n'
                           "// Takes orders.\nservice Orders {\n  rpc Place(Order) returns (Receipt);\n"
                           "  rpc Watch(Order) returns (stream Receipt);\n}\n"
                           "message Order {\n  repeated shop.v1.parts.Item items = 1;\n"
                           "  string card = 2;\n}\nmessage Receipt { int64 total = 1; }\n",
    "shop/v1/parts/item.proto": 'syntax = "proto3";\npackage shop.v1.parts;\n'
                                "message Item { string name = 1; optional int32 count = 2; }\n",
}

SHOP = r"""
#include "base/obj.h"
#include "shop_v1_order.h"
#include "shop_v1_order_client.h"
#include <stdio.h>

/* Handlers have the generated type; they are compiled and linked, not called. */
static orders_place_fn on_place;
static void on_place(struct orders_place_call *call) {
    struct orders_receipt receipt = ORDERS_RECEIPT_INIT;
    receipt.total = (int64_t)call->req->n_items;
    orders_place_reply(call, &receipt);
}

int main(void) {
    const struct orders_orders_handlers handlers = {.place = on_place};
    struct orders_item item = ORDERS_ITEM_INIT;
    struct orders_item *items[] = {&item};
    struct orders_order order = ORDERS_ORDER_INIT;
    uint8_t bytes[100];
    struct buf out;
    item.name = (char[]){"tea"};
    orders_item_set_count(&item, 2);
    order.items = items;
    order.n_items = 1;
    order.card = (char[]){"4711"};
    size_t n = protobuf_c_message_pack(&order.base, bytes);
    ProtobufCMessage *back = protobuf_c_message_unpack(order.base.descriptor, NULL, n, bytes);
    AN(back);
    buf_init(&out, 1000);
    orders_order_redact(&out, (struct orders_order *)back);
    printf(STR_FMT "\n", STR_ARG(buf_str(&out)));
    protobuf_c_message_free_unpacked(back, NULL);
    buf_free(&out);
    return handlers.place == NULL;
}
"""


def made(folder, command, *options):
    """Runs the generator from that folder, into its sub-folder made/."""
    done = subprocess.run([sys.executable, str(GENERATE), command, "--out", "made", *options],
                          cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done
    return sorted(p.name for p in (folder / "made").iterdir())


def output(folder, driver, libraries):
    """What the driver prints, lines; the same with each compiler."""
    (folder / "driver.c").write_text(driver)
    said = []
    for compiler in [os.environ["CC"]] if "CC" in os.environ else compilers():
        subprocess.run([compiler, *WARNINGS, f"-I{folder / 'made'}", f"-I{ROOT / 'src'}", "-o",
                        str(folder / "driver"), str(folder / "driver.c"),
                        *sorted(map(str, (folder / "made").glob("*.c"))),
                        *(str(BUILD / f"lib{name}.a") for name in libraries), *SYSTEM], check=True)
        said.append(subprocess.run([str(folder / "driver")], capture_output=True, text=True,
                                   check=True).stdout.splitlines())
    assert said and all(lines == said[0] for lines in said), said
    return said[0]


def in_a_folder(check):
    """The check with a folder elsewhere, whose name has a space."""
    def wrapped():
        with tempfile.TemporaryDirectory(prefix="some where ") as tmp:
            check(pathlib.Path(tmp))
    wrapped.__name__, wrapped.__doc__ = check.__name__, check.__doc__
    return wrapped


@in_a_folder
def a_trimmed_model_works(folder):
    """SQS: one operation of several is made, sends and receives"""
    shutil.copy(ROOT / "idl" / "sqs.json", folder / "queue.json")
    names = made(folder, "aws", "--model", "queue.json", "--operations", "ReceiveMessage",
                 "--prefix", "q")
    assert names == ["queue.h", "queue_operations.c", "queue_shapes.c"], names
    text = "".join((folder / "made" / n).read_text() for n in names)
    assert "q_receive_message(" in text and "delete_message_batch" not in text
    url, body, answer = output(folder, SQS, ("aws", "http", "codec", "base"))
    assert url == "https://sqs.eu-west-1.amazonaws.com/", url
    assert json.loads(body) == {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/a",
                                "MaxNumberOfMessages": 10}, body
    assert answer == "2 m-1 hello", answer


@in_a_folder
def a_model_of_ones_own_works(folder):
    """A model with every kind of member makes C that sends and receives in JSON and CBOR"""
    models = folder / "models"
    models.mkdir()
    (models / "library-service-2.json").write_text(json.dumps(LIBRARY_MODEL))
    names = made(folder, "aws", "--model", "models/library-service-2.json", "--operations",
                 "Lend,Close", "--prefix", "lib", "--sensitive", "Loan.Notes")
    assert names == ["library.h", "library_operations.c", "library_shapes.c"], names
    json_url, body, cbor_url, shown = output(folder, LIBRARY, ("aws", "http", "codec", "base"))
    assert json_url == "https://library.eu-west-1.amazonaws.com/", json_url
    assert cbor_url == json_url + "service/Library_2031/operation/Lend", cbor_url
    assert json.loads(body) == {
        "Title": "The C Book", "default": True, "Reader": "Anna", "Due": 1234567890.123,
        "Pages": [1, -2, 2147483647], "Notes": {"a": "b"}, "Cover": "Af8=", "Fee": 0.5,
        "State": "OUT", "Way": {"Desk": 7}, "Again": {"Title": "More"},
        "Token": "00000000-0000-4000-8000-000000000000"}, body
    shown = json.loads(shown)
    assert shown["Reader"] == shown["Notes"] == "***" and shown["Title"] == "The C Book", shown


@in_a_folder
def one_protocol_is_enough(folder):
    """--protocol json leaves CBOR out, and a second run writes nothing"""
    (folder / "library.json").write_text(json.dumps(LIBRARY_MODEL))
    options = ("--model", "library.json", "--prefix", "lib", "--protocol", "json")
    made(folder, "aws", *options)
    assert ".cbor = true" not in (folder / "made" / "library_operations.c").read_text()
    again = subprocess.run([sys.executable, str(GENERATE), "aws", "--out", "made", *options],
                           cwd=folder, capture_output=True, text=True, check=True)
    assert again.stdout == "", again.stdout


@in_a_folder
def protos_of_ones_own_work(folder):
    """Two protos, one importing the other: messages, handlers' side and stubs compile and work"""
    for name, text in PROTOS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    names = made(folder, "grpc", "--proto", *PROTOS, "--proto-path", ".", "--prefix", "orders",
                 "--sensitive", "Order.card")
    assert {"shop_v1_order.h", "shop_v1_order_client.h", "shop_v1_parts_item.h"} <= set(names), names
    (shown,) = output(folder, SHOP, ("rpc_client", "rpc", "codec", "base"))
    assert json.loads(shown) == {"items": [{"name": "tea", "count": 2}], "card": "***"}, shown


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    run([a_trimmed_model_works, a_model_of_ones_own_works, one_protocol_is_enough,
         protos_of_ones_own_work])
