# SPDX-License-Identifier: Apache-2.0
"""Regions and endpoints: URL and signing region against botocore's endpoint rule sets."""
import botocore.endpoint_provider
import botocore.exceptions
import botocore.session
from oracle import KEYS, folder, probe, sdk_client, sdk_world

SERVICES = ("gamelift", "sts")
# Regions that AWS might open tomorrow, one for each partition and more, and what is no region.
UNKNOWN = ["us-central-7", "mx-north-12", "il-west-1", "me-x-1", "cn-east-9", "us-gov-north-1",
           "us-iso-south-1", "us-isob-north-22", "eu-isoe-east-1", "us-isof-west-1",
           "eusc-de-south-1", "eusc-fr-east-1", "xx-nowhere-1", "moon", "a", "local-1", "us-east",
           "us-iso-east-1a", "us--east-1", "us-isoc-east-1", "cnn-north-1", "us-east_x-1"]

PSEUDO = "no region, but the scope of global services, which GameLift is not: taken as unknown"
LABEL = "it cannot be part of a host name; the JavaScript SDK refuses it as well"


def partitions(loader):
    return loader.load_data("partitions")


def combinations():
    return [(fips, dual) for fips in (False, True) for dual in (False, True)]


def by_rules(loader, cases):
    """(URL, signing region) or "refused" for each (service, region, fips, dualstack)."""
    known = {service: botocore.endpoint_provider.EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"), partitions(loader))
        for service in SERVICES}
    found = []
    for service, region, fips, dual in cases:
        parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual}
        if service == "sts":
            parameters["UseGlobalEndpoint"] = False
        try:
            endpoint = known[service].resolve_endpoint(**parameters)
        except botocore.exceptions.EndpointProviderError:
            found.append("refused")
            continue
        schemes = endpoint.properties.get("authSchemes", [{}])
        found.append((endpoint.url.rstrip("/"), schemes[0].get("signingRegion", region)))
    return found


def by_us(cases):
    lines = "".join(f"{service} {region} {str(fips).lower()} {str(dual).lower()}\n"
                    for service, region, fips, dual in cases)
    return ["refused" if "error" in found else (found["url"].rstrip("/"), found["region"])
            for found in probe(["endpoints"], lines)]


def known_difference(case, sdks):
    service, region, fips, dual = case
    if "_" in region:
        return "refused", sdks, LABEL
    standard = (f"https://{service}{'-fips' if fips else ''}.{region}."
                f"{'api.aws' if dual else 'amazonaws.com'}", region)
    return (standard, sdks, PSEUDO) if region.endswith("-global") and standard != sdks else None


def regions(book):
    loader = botocore.session.Session().get_component("data_loader")
    listed = {partition["id"]: sorted(partition["regions"])
              for partition in partitions(loader)["partitions"]}
    for name, names in [*listed.items(), ("unknown regions", UNKNOWN)]:
        cases = [(service, region, fips, dual) for service in SERVICES for region in names
                 for fips, dual in combinations()]
        with book.group(f"endpoints, {name}: {len(names)} regions, FIPS and dual-stack on and "
                        f"off, {' and '.join(SERVICES)}"):
            for case, ours, sdks in zip(cases, by_us(cases), by_rules(loader, cases)):
                what = "{} {} FIPS {} dual-stack {}".format(*case)
                book.compare(what, ours, sdks, known_difference(case, sdks))


# ---- overrides ----

CONFIG = """[default]
region = eu-north-1
[profile plain]
region = eu-west-2
endpoint_url = http://profile.example:1
[profile both]
region = eu-west-3
services = local
endpoint_url = http://profile.example:2
[profile off]
region = eu-west-1
services = local
ignore_configured_endpoint_urls = true
[profile fips]
region = us-gov-west-1
use_fips_endpoint = TRUE
[profile dual]
region = cn-north-1
use_dualstack_endpoint = true
[profile missing]
region = eu-west-1
services = nowhere
[services local]
gamelift =
  endpoint_url = http://service.example:8080/base/
sts =
    endpoint_url = https://sts.example
"""

G, U = "AWS_ENDPOINT_URL_GAMELIFT", "AWS_ENDPOINT_URL"
AT_REGION = {"AWS_DEFAULT_REGION": "us-west-2", "AWS_REGION": "us-west-2"}
SCHEME = "a URL that cannot be asked is told at the start, and not at the first call"
OUR_REGION = "AWS_REGION counts, as in every AWS SDK but botocore"
OUR_PROFILE = "AWS_PROFILE wins; botocore asks its own AWS_DEFAULT_PROFILE first"
SWITCH = "neither true nor false is told, as by the JavaScript SDK; botocore takes it for no"
CONFLICT = "AWS's rules have no such endpoint; botocore passes over its own rules for an override"

# Environment, and for a difference: ours, botocore's, the reason. {} is the service.
OVERRIDES = [
    ({}, None),
    (AT_REGION, None),
    ({"AWS_PROFILE": "plain"}, None),
    ({"AWS_PROFILE": "plain", **AT_REGION}, None),
    ({"AWS_PROFILE": "both"}, None),
    ({"AWS_PROFILE": "off"}, None),
    ({"AWS_PROFILE": "fips"}, None),
    ({"AWS_PROFILE": "dual"}, None),
    ({"AWS_PROFILE": "missing"}, None),
    ({"AWS_PROFILE": "both", U: "http://env.example"}, None),
    ({"AWS_PROFILE": "both", G: "http://env-gamelift.example/"}, None),
    ({"AWS_PROFILE": "both", G: ""}, None),
    ({G: "http://env-gamelift.example", U: "http://env.example"}, None),
    ({U: "http://env.example:4566/path"}, None),
    ({U: "https://env.example:443/"}, None),
    ({U: "http://[::1]:4566"}, None),
    ({U: "http://env.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ({U: "http://env.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}, None),
    ({U: "http://env.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, None),
    ({"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, None),
    ({"AWS_USE_FIPS_ENDPOINT": "false", "AWS_PROFILE": "fips"}, None),
    ({"AWS_ENDPOINT_URL_STS": "http://sts-env.example"}, None),
    ({U: "ftp://env.example"},
     ("refused",
      ("ftp://env.example", "eu-north-1"), SCHEME)),
    ({U: "env.example:80"}, None),
    ({"AWS_REGION": "ap-south-1"},
     (("https://{}.ap-south-1.amazonaws.com", "ap-south-1"),
      ("https://{}.eu-north-1.amazonaws.com", "eu-north-1"), OUR_REGION)),
    ({"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "us-west-2"},
     (("https://{}.ap-south-1.amazonaws.com", "ap-south-1"),
      ("https://{}.us-west-2.amazonaws.com", "us-west-2"), OUR_REGION)),
    ({"AWS_PROFILE": "plain", "AWS_DEFAULT_PROFILE": "both"},
     (("http://profile.example:1", "eu-west-2"),
      ("@services", "eu-west-3"), OUR_PROFILE)),
    ({"AWS_DEFAULT_PROFILE": "both"}, None),
    ({"AWS_USE_FIPS_ENDPOINT": "yes"},
     ("refused",
      ("https://{}.eu-north-1.amazonaws.com", "eu-north-1"), SWITCH)),
    ({U: "http://env.example", "AWS_USE_FIPS_ENDPOINT": "true"},
     ("refused",
      ("http://env.example", "eu-north-1"), CONFLICT)),
    ({U: "http://env.example", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
     ("refused",
      ("http://env.example", "eu-north-1"), CONFLICT)),
    ({"AWS_DEFAULT_REGION": "fips-us-east-1", "AWS_REGION": "fips-us-east-1"}, None),
    ({"AWS_DEFAULT_REGION": "us-east-1-fips", "AWS_REGION": "us-east-1-fips"}, None),
    ({"AWS_DEFAULT_REGION": "not a region", "AWS_REGION": "not a region"}, None),
    ({"AWS_DEFAULT_REGION": "us-east-1.example", "AWS_REGION": "us-east-1.example"}, None),
]


def normal(url):
    """The two write the same URL in different ways: a slash at its end, a default port."""
    return url.rstrip("/").replace("https://env.example:443", "https://env.example")


def settings_of_sdk(service, environment):
    try:
        with sdk_world({**KEYS, **environment}):
            client = sdk_client(service)
            return normal(client.meta.endpoint_url), client.meta.region_name
    except Exception:
        return "refused"


def settings_of_us(service, environment):
    (found,) = probe(["settings", service], environment={**KEYS, **environment})
    return "refused" if "error" in found else (normal(found["url"]), found["region"])


def of_service(service, side):
    if side == "refused":
        return side
    urls = {"gamelift": "http://service.example:8080/base", "sts": "https://sts.example"}
    return side[0].replace("@services", urls[service]).format(service), side[1]


def overrides(book):
    for service in SERVICES:
        with book.group(f"endpoints, {service}: environment, profiles, services sections"), \
                folder({".aws/config": CONFIG}) as home:
            for environment, different in OVERRIDES:
                what = " ".join(f"{k}={v}" for k, v in environment.items()) or "no setting"
                there = {**environment, "HOME": home}
                if different is not None:
                    ours, sdks, why = different
                    different = of_service(service, ours), of_service(service, sdks), why
                book.compare(what, settings_of_us(service, there),
                             settings_of_sdk(service, there), different)


def compare(book):
    regions(book)
    overrides(book)
