# SPDX-License-Identifier: Apache-2.0
"""A signal that its resource refuses: lost, or told where the signaller gets an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from samovar.orchestration.engine.requests import ActionNotAllowed
from samovar.orchestration.engine.signals import take_signal
from samovar.orchestration.resources.behaviours import behaviour_of


@pytest.mark.parametrize(
    "details",
    [{"Status": "HAPPY", "Reason": "r", "UniqueId": "1", "Data": "d"}, {"Status": "SUCCESS"}, [1], None],
)
async def test_a_wrong_signal_to_a_handle(details: Any) -> None:
    row: Any = SimpleNamespace(name="handle", metadata={})
    loaded: Any = SimpleNamespace(
        stack=SimpleNamespace(name="s"),
        kind_of_row=lambda _row: SimpleNamespace(declared=None),
        behaviour=lambda _declared: behaviour_of("AWS::CloudFormation::WaitConditionHandle"),
        context=lambda _row, _declared: row,
        remember=lambda _row: None,
    )
    await take_signal(loaded, row, details)
    with pytest.raises(ActionNotAllowed, match=r"keys|SUCCESS or FAILURE"):
        await take_signal(loaded, row, details, answered=True)
