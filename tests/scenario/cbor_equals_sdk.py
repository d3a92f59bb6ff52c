#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""In CBOR, too, the service's GameLift requests equal those of an AWS SDK. On demand:

    pip install --target DIR botocore
    PYTHONPATH=DIR tests/scenario/cbor_equals_sdk.py [BUILD_FOLDER]

Debian 12's botocore does not speak CBOR yet; with that one, it says so and ends with status 77.
"""
import contextlib
import sys

import botocore
import botocore.session
import cbor2
from botocore.model import ServiceModel
from harness import Service, Upstream, running, send_answer, story
from requests_equal_sdk import FIELDS, PARAMETERS, claim, signature_by_botocore

try:
    from botocore.serialize import RpcV2CBORSerializer
except ImportError:
    print(f"skipped: botocore {botocore.__version__} does not speak CBOR")
    sys.exit(77)

ANSWER = cbor2.dumps({"GameSession": {"GameSessionId": "arn:aws:gamelift:us-east-1::gamesession/f/s",
                                      "Status": "ACTIVE", "IpAddress": "203.0.113.9",
                                      "Port": 1234}})


@contextlib.contextmanager
def recorder():
    def behave(connection, _):
        send_answer(connection, 200, ANSWER, "smithy-protocol: rpc-v2-cbor")
    with running(Upstream(behave)) as upstream:
        yield upstream


def request_is_the_sdks():
    """CreateGameSession: same path, headers, content and signature"""
    with recorder() as upstream:
        with running(Service(upstream.url, GAMELIFT_PROTOCOL="cbor")) as service:
            assert service.create(**FIELDS).ip == "203.0.113.9"
        ours = upstream.requests.pop()
        # Which protocol the SDK picks for GameLift is its own affair; this is its CBOR.
        loader = botocore.session.Session(profile=None).get_component("data_loader")
        model = ServiceModel(loader.load_service_model("gamelift", "service-2"))
        sdks = RpcV2CBORSerializer().serialize_to_request(
            PARAMETERS, model.operation_model("CreateGameSession"))
        assert (ours.method, ours.path) == (sdks["method"], sdks["url_path"]), ours.path
        for name in ("smithy-protocol", "Content-Type", "Accept", "X-Amz-Target"):
            assert ours.header(name) == sdks["headers"].get(name), (name, ours.header(name))
        assert cbor2.loads(ours.body) == cbor2.loads(sdks["body"]), (ours.body, sdks["body"])
        assert claim(ours)[2] == signature_by_botocore(ours, upstream.url)


if __name__ == "__main__":
    story([request_is_the_sdks], shared=False)
