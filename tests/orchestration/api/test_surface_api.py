# SPDX-License-Identifier: Apache-2.0
"""What the API says of what it has not got: types, versions."""

from __future__ import annotations

from heat_client import PROJECT, Client


async def test_types_that_cannot_be_made_are_neither_listed_nor_accepted(heat: Client) -> None:
    listed = (await heat("GET", f"/v1/{PROJECT}/resource_types")).json["resource_types"]
    assert "OS::Neutron::Trunk" not in listed and "OS::Heat::ResourceGroup" in listed
    assert (await heat("GET", f"/v1/{PROJECT}/resource_types/OS::Neutron::Trunk")).status == 200


async def test_other_versions_are_told_which_there_is(heat: Client) -> None:
    for path in ("/v2", "/v2.0/anything", "/v11"):
        answer = await heat("GET", path)
        assert answer.status == 300 and answer.json["versions"][0]["id"] == "v1.0", path
