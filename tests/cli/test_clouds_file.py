# SPDX-License-Identifier: Apache-2.0
import stat

import pytest
import yaml

from samovar.cli import clouds_file
from samovar.cli.main import CommandError

OURS = {"samovar": {"auth": {"password": "p"}}, "samovar-admin": {"auth": {"password": "q"}}}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "clouds:\n",
        "clouds: {}\n",
        "# mine\nclouds:\n    work:   # the big one\n        auth: {auth_url: 'http://x'}\n\n# bye\ncache:\n  expiration: 5\n",
        "cache: {a: 1}",
        "clouds:\n  samovar:\n    auth: {password: old}\n  work:\n    region_name: R\n",
    ],
)
def test_our_entries_stand_and_nothing_else_changes(tmp_path, before):
    path = tmp_path / "openstack" / "clouds.yaml"
    if before:
        path.parent.mkdir()
        path.write_text(before)
    assert clouds_file.put(path, OURS)
    after = path.read_text()
    loaded, old = yaml.safe_load(after), yaml.safe_load(before) or {}
    assert {name: loaded["clouds"][name] for name in OURS} == OURS
    for name, entry in (old.get("clouds") or {}).items():
        assert name == "samovar" or loaded["clouds"][name] == entry
    for line in before.splitlines():
        if "samovar" not in line and "old" not in line and "clouds" not in line:
            assert line in after.splitlines()
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert not clouds_file.put(path, OURS)

    clouds_file.remove(path, list(OURS))
    if old.get("clouds") or set(old) - {"clouds"}:
        left = yaml.safe_load(path.read_text())
        assert not any(name.startswith("samovar") for name in left["clouds"] or {})
    else:
        assert not path.exists()


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path):
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: [")
    with pytest.raises(CommandError, match="not YAML"):
        clouds_file.put(path, OURS)
    assert path.read_text() == "clouds: ["
