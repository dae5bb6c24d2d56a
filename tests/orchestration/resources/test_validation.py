# SPDX-License-Identifier: Apache-2.0
"""Property values against declarations, by Heat's rules."""

import pytest

from samovar.diagnostics import Place
from samovar.orchestration.resources.builders import (
    CONVERTED,
    anything,
    boolean,
    integer,
    items,
    mapping,
    number,
    string,
)
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.syntax import SYNTAX_CHECKS
from samovar.orchestration.resources.validation import (
    support_findings,
    validate_properties,
    validate_update_policy,
)
from samovar.orchestration.templates.values import Unknown


def checked(type_name, **given):
    return validate_properties(find_type(type_name), given, ("resources", "r", "properties"))


def errors(result):
    return [(each.code, each.path) for each in result.diagnostics.errors]


def one(declared, value):
    result = validate_properties(ResourceType("T", "", properties={"p": declared}), {"p": value})
    return result.diagnostics.errors[0].message if result.diagnostics.errors else result.values["p"]


@pytest.mark.parametrize(
    ("declared", "value", "result"),
    [
        (string(), "x", "x"),
        (string(), 5, "5"),
        (string(), True, "True"),
        (integer(), 5, 5),
        (integer(), "5", 5),
        (integer(), 5.9, 5),
        (number(), "2.5", 2.5),
        (number(), "2", 2),
        (boolean(), "TRUE", True),
        (boolean(), "false", False),
        (items(), [1], [1]),
        (items("", CONVERTED), "a,b", ["a", "b"]),
        (mapping("", CONVERTED), '{"a": 1}', {"a": 1}),
        (anything(), [1, {"a": 2}], [1, {"a": 2}]),
        (integer(), Unknown("a id"), Unknown("a id")),
        (integer("", default=3), None, 3),
    ],
)
def test_values_become_their_type(declared, value, result):
    assert one(declared, value) == result


@pytest.mark.parametrize(
    ("declared", "value", "sentence"),
    [
        (string(), 1.5, 'Property "p" must be a string, and is a number.'),
        (string(), [], 'Property "p" must be a string, and is a list.'),
        (integer(), "five", 'Property "p" must be a whole number, and is a string "five".'),
        (integer(), "9" * 5000, None),
        (number(), "nan", 'Property "p" must be a number, and is a string "nan".'),
        (boolean(), 1, 'Property "p" must be true or false, and is a number.'),
        (boolean(), "yes", 'Property "p" must be true or false, and is a string "yes".'),
        (items(), "a,b", 'Property "p" must be a list, and is a string "a,b".'),
        (mapping(), "{}", 'Property "p" must be a map, and is a string "{}".'),
    ],
)
def test_other_values_are_refused_with_a_sentence(declared, value, sentence):
    message = one(declared, value)
    assert message == sentence if sentence else "whole number" in message


def test_every_mistake_is_told_in_one_pass():
    result = checked(
        "OS::Neutron::Port",
        netwrok="x",
        fixed_ips=[{"ip_address": "10.0.0.300"}, {"subnt": "y"}],
        admin_state_up="maybe",
        **{"binding:vnic_type": "magic"},
    )
    assert errors(result) == [
        ("unknown-property", "resources.r.properties.netwrok"),
        ("property-type", "resources.r.properties.admin_state_up"),
        ("property-constraint", "resources.r.properties.binding:vnic_type"),
        ("property-constraint", "resources.r.properties.fixed_ips[0].ip_address"),
        ("unknown-property", "resources.r.properties.fixed_ips[1].subnt"),
        ("missing-property", "resources.r.properties"),
    ]
    first = result.diagnostics.errors[0]
    assert first.message == 'Unknown property "netwrok" of OS::Neutron::Port.'
    assert first.advice == 'Did you mean "network"?'


def test_findings_have_places():
    place = Place("t.yaml", 7, 5)
    result = validate_properties(find_type("OS::Neutron::Net"), {"x": 1}, ("a",), lambda _where: place)
    assert result.diagnostics.errors[0].place == place


def test_defaults_are_filled_in_deeply():
    values = checked("OS::Neutron::SecurityGroup", rules=[{"protocol": "tcp"}]).values
    assert values["rules"][0]["direction"] == "ingress"
    assert values["rules"][0]["port_range_min"] is None
    assert values["description"] is None


def test_defaults_are_not_shared():
    first = checked("OS::Nova::Server", flavor="f", image="i").values
    first["metadata"]["x"] = 1
    assert checked("OS::Nova::Server", flavor="f", image="i").values["metadata"] == {}


def test_older_spellings_are_folded():
    result = checked("OS::Neutron::Port", network_id="n", fixed_ips=[{"subnet_id": "s"}])
    assert result.values["network"] == "n"
    assert result.values["fixed_ips"][0]["subnet"] == "s"
    assert not errors(result)
    (warning,) = result.diagnostics.warnings
    assert (warning.code, warning.advice) == ("deprecated-property", 'Use "network".')


def test_old_and_new_spelling_together_are_an_error():
    result = checked("OS::Neutron::Port", network_id="n", network="m")
    assert errors(result) == [("property-conflict", "resources.r.properties.network")]


def test_what_only_a_cloud_can_check_is_kept_for_later():
    result = checked("OS::Nova::Server", flavor="m1", image="i", networks=[{"network": Unknown("net id")}])
    assert [(each.constraint, each.value) for each in result.lookups] == [
        ("nova.flavor", "m1"),
        ("glance.image", "i"),
    ]


def test_null_means_not_given_but_for_gateways():
    values = checked("OS::Neutron::Subnet", network="n", gateway_ip=None, cidr=None, subnetpool="p").values
    assert (values["gateway_ip"], values["cidr"]) == ("", None)
    assert checked("OS::Neutron::Subnet", network="n").values["gateway_ip"] is None


def test_numbers_and_names_of_protocols_are_allowed():
    assert not errors(checked("OS::Neutron::SecurityGroup", rules=[{"protocol": 6}, {"protocol": "tcp"}]))
    assert errors(checked("OS::Neutron::SecurityGroup", rules=[{"protocol": "tcpp"}]))


def test_a_type_that_accepts_anything_is_not_checked():
    assert checked("OS::Heat::None", a=1).values == {"a": 1}


def test_update_policies_are_checked():
    group, net = find_type("OS::Heat::ResourceGroup"), find_type("OS::Neutron::Net")
    fine = validate_update_policy(group, {"rolling_update": {"max_batch_size": "2"}})
    assert fine.values["rolling_update"] == {"max_batch_size": 2, "min_in_service": 0, "pause_time": 0}
    assert validate_update_policy(net, {"rolling_update": {}}).diagnostics.has_errors
    assert not validate_update_policy(net, {}).diagnostics


def test_retired_types_warn():
    assert [each.code for each in support_findings(find_type("OS::Senlin::Cluster"))] == ["retired-type"]
    (finding,) = support_findings(find_type("OS::Neutron::LBaaS::Pool"))
    assert finding.advice == "Use OS::Octavia::Pool."
    assert [each.code for each in support_findings(find_type("OS::Neutron::RouterGateway"))] == [
        "deprecated-type"
    ]
    assert not support_findings(find_type("OS::Nova::Server"))
    assert not support_findings(find_type("OS::Heat::None"))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ip_addr", ["10.0.0.1", "fe80::1"], ["10.0.0.256", "x", ""]),
        ("net_cidr", ["10.0.0.0/24", "10.0.0.5/24", "::/0"], ["10.0.0.0", "10.0.0.0/33"]),
        ("ip_or_cidr", ["10.0.0.1", "10.0.0.0/8"], ["10.0.0.0/40"]),
        ("mac_addr", ["fa:16:3e:00:00:01"], ["fa:16:3e:00:00", "gg:16:3e:00:00:01"]),
        ("dns_name", ["www", "a.example.org."], ["-a", "a..b", "x" * 64]),
        ("rel_dns_name", ["www"], ["www."]),
        ("dns_domain", ["example.org.", ""], ["example.org", "org."]),
        ("cron_expression", ["* * * * *", "*/5 0-6 1,15 jan mon-fri", "@daily"], ["* * * *", "61 * * * *"]),
        ("iso_8601", ["2026-01-31T08:00:00Z"], ["yesterday"]),
        ("expiration", ["2999-01-01T00:00:00"], ["soon"]),
        ("json_string", ['{"a": 1}'], ["{"]),
        ("timezone", ["Europe/Paris", "UTC"], ["Mars/Olympus"]),
    ],
)
def test_syntax_checks(name, good, bad):
    check = SYNTAX_CHECKS[name]
    assert [value for value in good if check(value) is not None] == []
    assert [value for value in bad if check(value) is None] == []


def message(type_name, **given):
    found = checked(type_name, **given).diagnostics.errors
    return found[0].message if found else None


SERVER = {"flavor": "f", "image": "i"}


@pytest.mark.parametrize(
    ("type_name", "given", "sentence"),
    [
        ("OS::Neutron::Subnet", {"network": "n"}, 'One of "cidr" and "subnetpool" is needed.'),
        (
            "OS::Neutron::Subnet",
            {"network": "n", "cidr": "10.0.0.0/24", "subnetpool": "p"},
            '"cidr" and "subnetpool" exclude each other.',
        ),
        (
            "OS::Neutron::Subnet",
            {"network": "n", "cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"},
            '"ipv6_ra_mode" is for subnets of IP version 6.',
        ),
        ("OS::Neutron::Subnet", {"network": "n", "cidr": Unknown("x")}, None),
        ("OS::Neutron::RouterInterface", {"router": "r"}, 'One of "subnet" and "port" is needed.'),
        ("OS::Neutron::RouterInterface", {"router": "r", "subnet": Unknown("s id")}, None),
        (
            "OS::Neutron::FloatingIP",
            {"floating_network": "n", "fixed_ip_address": "10.0.0.1"},
            '"fixed_ip_address" needs "port_id".',
        ),
        (
            "OS::Nova::Server",
            {"flavor": "f"},
            "The server has neither an image nor a disk to start from.",
        ),
        ("OS::Nova::Server", {"flavor": "f", "block_device_mapping_v2": [{"volume_id": "v"}]}, None),
        (
            "OS::Nova::Server",
            SERVER | {"networks": [{"tag": "x"}]},
            'An interface needs one of "network", "subnet" and "port".',
        ),
        (
            "OS::Nova::Server",
            SERVER | {"networks": [{"port": "p", "fixed_ip": "10.0.0.1"}]},
            '"port" and "fixed_ip" exclude each other: the port has its addresses.',
        ),
        (
            "OS::Nova::Server",
            SERVER | {"networks": [{"port": Unknown("p id")}], "security_groups": ["g"]},
            '"security_groups" of a server do not apply to ports that exist already.',
        ),
        (
            "OS::Nova::Server",
            SERVER | {"networks": [{"allocate_network": "auto"}, {"network": "n"}]},
            '"allocate_network" can only stand alone in "networks".',
        ),
        ("OS::Nova::Server", SERVER | {"networks": Unknown("list")}, None),
        (
            "OS::Heat::RandomString",
            {"length": 3, "character_classes": [{"class": "digits", "min": 4}]},
            "The string has 3 characters, and its classes and sequences need 4.",
        ),
        (
            "OS::Nova::Flavor",
            {"ram": 1, "vcpus": 1, "tenants": ["t"]},
            '"tenants" has no meaning for a public flavor.',
        ),
        (
            "OS::Glance::WebImage",
            {"location": "http://x", "disk_format": "ami", "container_format": "bare"},
            'The disk format "ami" and the container format "bare" do not go together.',
        ),
        ("OS::Neutron::Port", {"network": "n", "fixed_ips": [{"subnet": "s"}]}, None),
    ],
)
def test_what_does_not_fit_together_is_told(type_name, given, sentence):
    assert message(type_name, **given) == sentence


@pytest.mark.parametrize("given", [{}, {"length": 10}])
def test_defaults_belong_to_each_resource_alone(given):
    first = checked("OS::Heat::RandomString", **given).values
    as_it_was = {**first, "character_classes": [dict(each) for each in first["character_classes"]]}
    first["character_classes"][0]["min"] = 99
    first["character_classes"].append({"class": "digits", "min": 1})
    assert checked("OS::Heat::RandomString", **given).values == as_it_was


def test_what_a_type_misses_is_told_of_each_resource():
    first, second = checked("OS::Neutron::RouterInterface"), checked("OS::Neutron::RouterInterface")
    assert errors(first) == errors(second) != []
