# SPDX-License-Identifier: Apache-2.0
import tooz.hashring

from samovar.coordination import HashRing

ITEMS = [f"item-{n}" for n in range(1000)]


def owners(members):
    ring = HashRing(members)
    return {item: ring.owner(item) for item in ITEMS}


def test_items_are_placed_as_tooz_places_them():
    members = [f"agent-{n}" for n in range(7)]
    theirs = tooz.hashring.HashRing(members)
    ours = HashRing(members)
    assert all({ours.owner(item)} == theirs.get_nodes(item.encode()) for item in ITEMS)


def test_one_more_member_takes_about_its_share_and_moves_nothing_else():
    before, after = owners("abcd"), owners("abcde")
    moved = [item for item in ITEMS if before[item] != after[item]]
    assert all(after[item] == "e" for item in moved)
    assert 0.5 * len(ITEMS) / 5 < len(moved) < 2 * len(ITEMS) / 5


def test_without_members_nobody_has_anything():
    assert HashRing(()).owner("x") is None
    assert set(owners(["only"]).values()) == {"only"}
