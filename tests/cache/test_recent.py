# SPDX-License-Identifier: Apache-2.0
from samovar.cache import Recent


async def test_a_value_is_forgotten_after_ten_seconds() -> None:
    now = 100.0
    recent = Recent(lambda: now)
    await recent.set("key", {"a": 1}, 60)
    await recent.set("short", 2, 3)
    assert await recent.get("key") == {"a": 1}
    assert await recent.get("other") is None
    now += 4
    assert await recent.get("short") is None
    assert await recent.get("key") == {"a": 1}
    now += 7
    assert await recent.get("key") is None


async def test_only_the_last_few_values_are_kept() -> None:
    recent = Recent()
    for number in range(1000):
        await recent.set(str(number), number, 5)
    assert await recent.get("0") is None
    assert await recent.get("999") == 999
