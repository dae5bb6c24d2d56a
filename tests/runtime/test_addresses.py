# SPDX-License-Identifier: Apache-2.0
"""Where a process listens and what the catalog says, as configuration files put it."""

import pytest

from samovar.config import load
from samovar.runtime.addresses import Addresses


def addresses(tmp_path, text, wanted, shared=""):
    file = tmp_path / "samovar.conf"
    file.write_text(text)
    return Addresses(load(tmp_path, [file]), wanted, shared)


def catalog(found):
    return {
        entry.name: (entry.public or "{origin}" + entry.path, entry.internal) for entry in found.catalog()
    }


def test_apis_that_run_apart_listen_on_the_ports_that_openstack_gives_them(tmp_path):
    found = addresses(
        tmp_path, "[heat_api]\nbind_host = 10.0.0.2\n", {"orchestration-api", "engine", "image"}
    )
    assert found.own_places() == {"orchestration-api": ("10.0.0.2", 8004), "image": ("127.0.0.1", 9292)}


def test_a_catalog_without_configuration_follows_the_client(tmp_path):
    apart = catalog(addresses(tmp_path, "", {"identity"}))
    assert apart["heat"] == ("{machine}:8004/v1/%(project_id)s", "")
    shared = catalog(addresses(tmp_path, "", {"identity"}, "http://127.0.0.1:9090"))
    assert shared["heat"] == ("{origin}/heat-api/v1/%(project_id)s", "")


@pytest.mark.parametrize(
    ("public", "heat", "nova"),
    [
        ("http://10.0.0.1", "http://10.0.0.1:8004/v1/%(project_id)s", "http://10.0.0.1:8774/v2.1"),
        (
            "https://cloud.example:443",
            "https://cloud.example:443/heat-api/v1/%(project_id)s",
            "https://cloud.example:443/compute/v2.1",
        ),
    ],
)
def test_the_catalog_names_the_proxy(tmp_path, public, heat, nova):
    text = f"[samovar]\npublic_endpoint = {public}\ninternal_endpoint = http://10.0.0.9\n"
    found = catalog(addresses(tmp_path, text, {"identity"}))
    assert found["heat"] == (heat, "http://10.0.0.9:8004/v1/%(project_id)s")
    assert found["nova"] == (nova, "http://10.0.0.9:8774/v2.1")


def test_one_api_may_be_elsewhere(tmp_path):
    text = (
        "[samovar]\npublic_endpoint = http://10.0.0.1\n[heat_api]\npublic_endpoint = https://heat.example/\n"
    )
    assert (
        catalog(addresses(tmp_path, text, {"identity"}))["heat"][0]
        == "https://heat.example/v1/%(project_id)s"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "http://127.0.0.1:5000/identity/v3"),
        ("[samovar]\ninternal_endpoint = http://10.0.0.1\n", "http://10.0.0.1:5000/v3"),
        ("[keystone_authtoken]\nauth_url = http://controller:5000\n", "http://controller:5000/v3"),
        ("[keystone_authtoken]\nauth_uri = http://controller:5000/v2.0\n", "http://controller:5000/v3"),
        ("[trustee]\nauth_url = http://controller:5000/v3/\n", "http://controller:5000/v3"),
    ],
)
def test_identity_is_where_the_documents_say(tmp_path, text, expected):
    assert addresses(tmp_path, text, {"engine"}).auth_url == expected


def test_servers_of_the_local_cloud_reach_what_they_are_told_of_at_the_metadata_address(tmp_path):
    inside = addresses(tmp_path, "", {"engine"}).inside()
    assert inside == {
        "http://127.0.0.1:8004/heat-api": "http://169.254.169.254/heat-api",
        "http://127.0.0.1:8000/heat-api-cfn": "http://169.254.169.254/heat-api-cfn",
        "http://127.0.0.1:5000/identity": "http://169.254.169.254/identity",
    }
    text = "[samovar]\npublic_endpoint = http://10.0.0.1\n"
    inside = addresses(tmp_path, text, {"engine"}).inside()
    assert inside["http://10.0.0.1:8000"] == "http://169.254.169.254/heat-api-cfn"
