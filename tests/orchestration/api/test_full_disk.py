# SPDX-License-Identifier: Apache-2.0
"""The disk under the database is full: requests are refused plainly, work waits, and goes on when there is room."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from heat_client import PROJECT, TEMPLATE, Client, Tokens
from stand import Stand

from samovar.orchestration.api import Service

pytestmark = pytest.mark.kernel


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "samovar-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


async def test_a_full_disk_is_told_and_got_over(small_disk: Path) -> None:
    stand = Stand(small_disk)
    await stand.engine()
    heat = Client(stand, Service(stand.parts(), Tokens()))
    slow = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 2}}
    resources = {"slow": slow, "r": {"type": "OS::Heat::RandomString", "depends_on": "slow"}}
    url = await heat.create("before", {**TEMPLATE, "resources": resources, "outputs": {}})
    await stand.until(lambda: stand.is_in(url.rsplit("/", 1)[1], "slow", "CREATE_IN_PROGRESS"))
    filler = fill(small_disk)

    refused = 0
    for number in range(50):
        body = {"stack_name": f"s{number}", "template": TEMPLATE}
        answer = await heat("POST", f"/v1/{PROJECT}/stacks", body)
        if answer.status != 201:
            refused = answer.status
            assert "disk that holds the database is full" in answer.text
            assert answer.headers["retry-after"] == "30"
            break
    assert refused == 503

    # What cannot be written down does not count as done; what is stored is still shown.
    assert (await heat("GET", url)).json["stack"]["stack_status"] == "CREATE_IN_PROGRESS"
    await asyncio.sleep(2.5)
    assert (await heat("GET", url)).json["stack"]["stack_status"] == "CREATE_IN_PROGRESS"

    filler.unlink()
    await heat.until(url, "CREATE_COMPLETE")
    for stack in (await heat("GET", f"/v1/{PROJECT}/stacks")).json["stacks"]:
        link = stack["links"][0]["href"]
        await heat.until(link, "CREATE_COMPLETE")
        await heat("DELETE", link)
    for identity in await stand.database.read(
        lambda c: [row.id for row in c.exec_driver_sql("SELECT id FROM orchestration_stacks")]
    ):
        assert (await stand.quiet(identity)).state == ("DELETE", "COMPLETE")
    await stand.close()
