# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.auth import Context, Policy, PolicyDenied

MEMBER = Context(user_id="u", project_id="p", roles=frozenset({"member"}))
ADMIN = Context(user_id="a", roles=frozenset({"admin"}))


def test_roles_include_lesser_ones_and_targets_are_compared():
    policy = Policy(
        {"read": "role:reader", "own": "role:member and project_id:%(project_id)s", "any": "role:admin"}
    )
    assert policy.allows("read", MEMBER)
    assert policy.allows("own", MEMBER, {"project_id": "p"})
    assert not policy.allows("own", MEMBER, {"project_id": "q"})
    assert not policy.allows("any", MEMBER)
    assert policy.allows("any", ADMIN)
    assert not policy.allows("unknown", ADMIN)


def test_nobodys_object_is_not_an_unscoped_callers():
    policy = Policy({"own": "project_id:%(project_id)s"})
    assert not policy.allows("own", ADMIN, {"project_id": None})


def test_a_file_overrides_the_defaults(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("read: 'role:admin'\n")
    policy = Policy({"read": "role:reader"}, file)
    with pytest.raises(PolicyDenied, match="read"):
        policy.enforce("read", MEMBER)
