# SPDX-License-Identifier: Apache-2.0
"""The cases of credentials.py: where credentials come from, for both sides alike.

A case has `what`; env and files ({dir} is the folder that is HOME); answers, what an endpoint says
instead of the usual; and wanted, who must sign in the end: KEY is the static pair, another name one
that was handed out under it (a role's last name in capitals, CONTAINER, INSTANCE, PROCESS), None
nobody. different = (who signs with ours, who with botocore, why) is a deliberate difference;
asked_differently = (our requests for credentials, botocore's, why) if only their number differs;
told_differently likewise for the letters of the User-Agent.
"""
from harness import KEY, SECRET

ROLE = "arn:aws:iam::123456789012:role/path/"
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
STATIC = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
WEB = {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token", "AWS_ROLE_ARN": ROLE + "web"}
RELATIVE = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/some-id?a=b"}
FULL = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:8080/v1/credentials"}
IMDS_TOKEN = ("PUT", "/latest/api/token")
IMDS_ROLES = ("GET", "/latest/meta-data/iam/security-credentials/")
IMDS_KEYS = ("GET", "/latest/meta-data/iam/security-credentials/the-role")
PROCESS = ("""printf '{"Version": %s, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": """
           """"secret-of-PROCESS", "SessionToken": "token-of-PROCESS/+="%s}' """
           """"${2:-1}" "${1:+, \\"Expiration\\": \\"$1\\"}"\n""")


def case(what, wanted, **more):
    return {"what": what, "wanted": wanted, **more}


def config(text, credentials=None, **more):
    files = {".aws/config": text}
    if credentials is not None:
        files[".aws/credentials"] = credentials
    return {"files": {**files, **more}}


def credentials(text):
    return {"files": {".aws/credentials": text}}


def role(name, **keys):
    lines = "".join(f"{k} = {v}\n" for k, v in keys.items())
    return f"role_arn = {ROLE}{name}\n{lines}"


def sts_error(status, code):
    return (status, '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>'
            f"Sender</Type><Code>{code}</Code><Message>m</Message></Error><RequestId>i</RequestId>"
            "</ErrorResponse>", "Content-Type: text/xml")


SOURCE = "[default]\n" + STATIC
NO_KEYS = "n stands for keys in a profile, and this one has none"
BROKEN = "a source that is configured but broken is told, and no other identity taken instead"

ENVIRONMENT = [
    case("keys", KEY, env=KEYS),
    case("keys and token", (KEY, "a/b+c=="), env={**KEYS, "AWS_SESSION_TOKEN": "a/b+c=="}),
    case("empty token", KEY, env={**KEYS, "AWS_SESSION_TOKEN": ""}),
    case("keys and a profile", KEY, env={**KEYS, "AWS_PROFILE": "other"},
         **credentials("[other]\naws_access_key_id = X\naws_secret_access_key = Y\n")),
    case("keys before everything else", KEY, env={**KEYS, **WEB, **RELATIVE},
         files={"token": "t0ken"}),
    case("key id without secret", None, env={"AWS_ACCESS_KEY_ID": KEY}),
    case("empty key id", "INSTANCE", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}),
    case("secret without key id", None, env={"AWS_SECRET_ACCESS_KEY": SECRET},
         different=(None, "INSTANCE", BROKEN)),
    case("old name of the token", KEY, env={**KEYS, "AWS_SECURITY_TOKEN": "old"},
         different=(KEY, (KEY, "old"), "a name of before 2014, which no other SDK reads")),
]

PROFILES = [
    case("default in the credentials file", KEY, **credentials(SOURCE)),
    case("with a token", ("AKIDEXAMPLE", "t"), **credentials(SOURCE + "aws_session_token = t\n")),
    case("default in the config file", KEY, **config(SOURCE)),
    case("named by AWS_PROFILE", KEY, env={"AWS_PROFILE": "game"},
         **credentials("[default]\n[game]\n" + STATIC)),
    case("named in the config file", KEY, env={"AWS_PROFILE": "game"},
         **config("[profile game]\n" + STATIC)),
    case("name in quotes", KEY, env={"AWS_PROFILE": "my game"},
         **config('[profile "my game"]\n' + STATIC)),
    case("credentials file before config file", KEY,
         **config("[default]\naws_access_key_id = X\naws_secret_access_key = Y\n", SOURCE)),
    case("capitals, colons, comments, CRLF", KEY, **credentials(
        f"# c\r\n[default]\r\n; c\r\nAWS_ACCESS_KEY_ID: {KEY}\r\n"
        f"aws_secret_access_key={SECRET}\r\n")),
    case("files named by variables", KEY, env={
        "AWS_CONFIG_FILE": "{dir}/c", "AWS_SHARED_CREDENTIALS_FILE": "~/s"},
        files={"c": "[default]\nregion = eu-west-1\n", "s": SOURCE}),
    case("AWS_PROFILE that is nowhere", None, env={"AWS_PROFILE": "nobody"}, **credentials(SOURCE)),
    case("bare name in the config file", None, env={"AWS_PROFILE": "game"},
         **config("[game]\n" + STATIC)),
    case("key id without secret", None, **credentials(f"[default]\naws_access_key_id = {KEY}\n")),
    case("no section", None, **credentials(STATIC)),
    case("AWS_PROFILE and AWS_DEFAULT_PROFILE", KEY,
         env={"AWS_PROFILE": "game", "AWS_DEFAULT_PROFILE": "other"},
         **credentials(f"[game]\n{STATIC}[other]\n"
                       "aws_access_key_id = X\naws_secret_access_key = Y\n"),
         different=(KEY, ("X", None), "AWS_PROFILE wins; botocore asks its own AWS_DEFAULT_PROFILE "
                    "first")),
]

ROLES = [
    case("source_profile", "GAME", env={"AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game", source_profile="default"), SOURCE)),
    case("all settings", "GAME", env={"AWS_PROFILE": "game"}, **config("[profile game]\n" + role(
        "game", source_profile="default", external_id="ex/te:rnal=1", role_session_name="me@x.y,=+",
        duration_seconds="900"), SOURCE)),
    case("a token of the source", "GAME", env={"AWS_PROFILE": "game"}, **config(
        "[profile game]\n" + role("game", source_profile="default"),
        SOURCE + "aws_session_token = a/b+c==\n")),
    case("two roles", "SECOND", env={"AWS_PROFILE": "second"}, **config(
        "[profile second]\n" + role("second", source_profile="first") +
        "[profile first]\n" + role("first", source_profile="default"), SOURCE)),
    case("its own keys as source", "GAME", env={"AWS_PROFILE": "game"}, **config(
        "[profile game]\n" + role("game", source_profile="game") + STATIC)),
    case("role in the default profile", "GAME", **config(
        "[default]\n" + role("game", source_profile="base") + "[profile base]\n" + STATIC)),
    case("credential_source Environment", KEY, env={**KEYS, "AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game", credential_source="Environment"))),
    case("credential_source EcsContainer", "GAME", env={**RELATIVE, "AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game", credential_source="EcsContainer"))),
    case("credential_source Ec2InstanceMetadata", "GAME", env={"AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game", credential_source="Ec2InstanceMetadata"))),
    case("a process as source", "GAME", env={"AWS_PROFILE": "game"}, **config(
        "[profile game]\n" + role("game", source_profile="base") +
        "[profile base]\ncredential_process = sh {dir}/process\n", process=PROCESS),
         told_differently=("iovw", "inovw", NO_KEYS)),
    case("web identity as source", "GAME", env={"AWS_PROFILE": "game"}, **config(
        "[profile game]\n" + role("game", source_profile="base") + "[profile base]\n" +
        role("web", web_identity_token_file="{dir}/token"), token="t0ken"),
         told_differently=("ikoq", "iknoq", NO_KEYS)),
    case("STS elsewhere", "GAME", env={"AWS_PROFILE": "game", "AWS_ENDPOINT_URL_STS":
                                       "http://sts.example:8080/base/"},
         **config("[profile game]\n" + role("game", source_profile="default"), SOURCE)),
    *(case(f"STS of {region}, FIPS {fips}", "GAME", env={
        "AWS_PROFILE": "game", "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
        "AWS_USE_FIPS_ENDPOINT": fips}, **config(
            "[profile game]\n" + role("game", source_profile="default"), SOURCE))
      for region in ("eu-west-1", "cn-north-1", "us-gov-west-1") for fips in ("false", "true")),
    case("refused by STS", None, env={"AWS_PROFILE": "game"},
         answers={("POST", "AssumeRole"): sts_error(403, "AccessDenied")},
         **config("[profile game]\n" + role("game", source_profile="default"), SOURCE)),
    case("STS is busy twice", "GAME", env={"AWS_PROFILE": "game"},
         answers={("POST", "AssumeRole"): [(503, ""), sts_error(400, "Throttling")]},
         **config("[profile game]\n" + role("game", source_profile="default"), SOURCE)),
    case("STS is down", None, env={"AWS_PROFILE": "game"},
         answers={("POST", "AssumeRole"): (500, "")},
         **config("[profile game]\n" + role("game", source_profile="default"), SOURCE)),
    case("neither source", None, env={"AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game"))),
    case("both sources", None, env={"AWS_PROFILE": "game"}, **config("[profile game]\n" + role(
        "game", source_profile="default", credential_source="Environment"), SOURCE)),
    case("source that is nowhere", None, env={"AWS_PROFILE": "game"},
         **config("[profile game]\n" + role("game", source_profile="nobody"))),
    case("a circle", None, env={"AWS_PROFILE": "a"}, **config(
        "[profile a]\n" + role("a", source_profile="b") +
        "[profile b]\n" + role("b", source_profile="a"))),
]

PROCESSES = [
    case("prints keys", "PROCESS", **config(
        "[default]\ncredential_process = sh {dir}/process\n", process=PROCESS)),
    case("with an end and quotes", "PROCESS", **config(
        "[default]\ncredential_process = sh '{dir}/my process' \"2099-01-01T00:00:00Z\" 1\n",
        **{"my process": PROCESS})),
    case("before keys of the config file", "PROCESS", **config(
        "[default]\ncredential_process = sh {dir}/process\naws_access_key_id = X\n"
        "aws_secret_access_key = Y\n", process=PROCESS)),
    case("after keys of the credentials file", KEY, **config(
        "[default]\ncredential_process = sh {dir}/process\n", SOURCE, process=PROCESS)),
    case("another Version", None, **config(
        "[default]\ncredential_process = sh {dir}/process '' 2\n", process=PROCESS)),
    case("Version as text", None, **config(
        "[default]\ncredential_process = sh {dir}/process '' '\"1\"'\n", process=PROCESS)),
    case("fails", None, **config("[default]\ncredential_process = false\n")),
    case("is not there", None, **config("[default]\ncredential_process = {dir}/nothing\n")),
    case("prints no JSON", None, **config("[default]\ncredential_process = echo hello\n")),
    case("prints no secret", None, **config(
        "[default]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"X\"}'\n")),
    case("no shell", None, **config("[default]\ncredential_process = sh {dir}/process | cat\n",
                                    process=PROCESS.replace("${2:-1}", "$2"))),
]

WEB_IDENTITY = [
    case("by variables", "WEB", env=WEB, files={"token": "t0ken.with-all_of/+="}),
    case("session name", "WEB", env={**WEB, "AWS_ROLE_SESSION_NAME": "game-server.1"},
         files={"token": "t0ken"}),
    case("a line end after the token", "WEB", env=WEB, files={"token": "t0ken\n"}),
    case("by a profile", "WEB", **config(
        "[default]\n" + role("web", web_identity_token_file="{dir}/token", role_session_name="s1"),
        token="t0ken")),
    case("region of its own", "WEB", env={**WEB, "AWS_REGION": "ap-south-1",
                                         "AWS_DEFAULT_REGION": "ap-south-1"},
         files={"token": "t0ken"}),
    case("before a container", "WEB", env={**WEB, **RELATIVE}, files={"token": "t0ken"}),
    case("no role", None, env={"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token"}, files={"token": "t"}),
    case("no file", None, env=WEB),
    case("refused by STS", None, env=WEB, files={"token": "t0ken"},
         answers={("POST", "AssumeRoleWithWebIdentity"): sts_error(400, "InvalidIdentityToken")}),
    case("token has expired", None, env=WEB, files={"token": "t0ken"},
         answers={("POST", "AssumeRoleWithWebIdentity"): sts_error(400, "ExpiredTokenException")}),
    case("identity provider does not answer", "WEB", env=WEB, files={"token": "t0ken"},
         answers={("POST", "AssumeRoleWithWebIdentity"): [
             sts_error(400, "IDPCommunicationError")]}),
    case("variables and a profile with keys", KEY, env=WEB, files={
        "token": "t0ken", ".aws/credentials": SOURCE},
        different=(KEY, "WEB", "the profile comes first, as in the JavaScript and the C SDK; in "
                   "botocore it stands behind the web identity")),
]

CONTAINER = [
    case("relative URI", "CONTAINER", env=RELATIVE),
    case("relative URI before full URI", "CONTAINER", env={**RELATIVE, **FULL}),
    case("full URI", "CONTAINER", env=FULL),
    *(case(f"full URI {host}", "CONTAINER", env={
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{host}/some/path"})
      for host in ("http://localhost:8080", "http://[::1]:8080", "http://169.254.170.23",
                   "http://[fd00:ec2::23]", "http://127.9.9.9", "https://example.com")),
    *(case(f"refused URI {host}", None, env={
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{host}/some/path"})
      for host in ("http://169.254.170.2.example.com", "http://example.com", "http://10.0.0.1",
                   "http://128.0.0.1", "http://127.0.0.1.example.com", "http://169.254.169.254")),
    case("token", "CONTAINER", env={**FULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic a/b+c=="}),
    case("token with a relative URI", "CONTAINER",
         env={**RELATIVE, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a"}),
    case("token in a file", "CONTAINER", files={"token": "t0ken"},
         env={**FULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this one",
              "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{dir}/token"}),
    case("line end in the token's file", None, files={"token": "t0ken\n"},
         env={**FULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{dir}/token"}),
    case("token's file is not there", None,
         env={**FULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{dir}/token"}),
    case("busy twice", "CONTAINER", env=FULL,
         answers={("GET", "/v1/credentials"): [(500, ""), (429, "{}")]}),
    case("down", None, env=FULL, answers={("GET", "/v1/credentials"): (500, "")}),
    case("refuses", None, env=FULL,
         answers={("GET", "/v1/credentials"): (403, '{"code": "AccessDenied", "message": "m"}')}),
    case("garbled", None, env=FULL, answers={("GET", "/v1/credentials"): (200, "<html>")}),
    case("no token in the answer", None, env=FULL, answers={
        ("GET", "/v1/credentials"): (200, '{"AccessKeyId": "X", "SecretAccessKey": "Y"}')},
        asked_differently=(3, 1, "an answer that is not whole is asked for again, as any that "
                           "cannot be used; botocore gives up with a KeyError")),
    case("empty variable", "INSTANCE", env={"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ""},
         different=("INSTANCE", "CONTAINER", "empty is unset; botocore asks http://169.254.170.2 "
                    "without a path")),
    case("never the instance instead", None, env={**FULL}, answers={
        ("GET", "/v1/credentials"): (404, "")}),
]

INSTANCE = [
    case("nothing else is configured", "INSTANCE"),
    case("endpoint", "INSTANCE",
         env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://imds.example:81"}),
    case("endpoint with a slash", "INSTANCE",
         env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://imds.example:81/"}),
    case("IPv6", "INSTANCE", env={"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}),
    case("IPv6 in small letters, in a profile", "INSTANCE",
         **config("[default]\nec2_metadata_service_endpoint_mode = ipv6\n")),
    case("switched off", None, env={"AWS_EC2_METADATA_DISABLED": "TRUE"}),
    *(case(f"no token, {status}", "INSTANCE", answers={IMDS_TOKEN: (status, "")})
      for status in (403, 404, 405, 500)),
    case("token is refused, 400", None, answers={IMDS_TOKEN: (400, "")}),
    case("no token, version 1 is off", None, env={"AWS_EC2_METADATA_V1_DISABLED": "true"},
         answers={IMDS_TOKEN: (403, "")}),
    case("no token, version 1 is off in the profile", None, answers={IMDS_TOKEN: (404, "")},
         **config("[default]\nec2_metadata_v1_disabled = true\n")),
    case("no role", None, answers={IMDS_ROLES: (404, "")}),
    case("role list is empty", None, answers={IMDS_ROLES: (200, "")}),
    case("role without credentials", None, answers={
        IMDS_KEYS: (200, '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "m"}')}),
    case("several attempts", "INSTANCE", env={"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3"},
         answers={IMDS_ROLES: [(500, ""), (503, "")], IMDS_KEYS: [(500, "")]}),
    case("one attempt", None, answers={IMDS_KEYS: [(500, "")]}),
    case("garbled", None, answers={IMDS_KEYS: (200, "<html>")}),
    case("role's name with a line end", "INSTANCE", answers={IMDS_ROLES: (200, "the-role\n")},
         different=("INSTANCE", None, "the name counts without its line end, as in the JavaScript "
                    "SDK")),
    case("token was forgotten", "INSTANCE", answers={IMDS_ROLES: [(401, "")]},
         different=("INSTANCE", None, "one new token after a 401, as in the C SDK")),
]

CASES = {
    "environment": ENVIRONMENT, "profiles": PROFILES, "roles": ROLES, "processes": PROCESSES,
    "web identity": WEB_IDENTITY, "container": CONTAINER, "EC2 instance": INSTANCE,
}
