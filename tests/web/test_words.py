# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.clients.errors import words


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"code": 502, "message": "It ended."}}, "It ended."),
        (b"<html><body><h1>502 Bad Gateway</h1>\nThe server\n</body></html>\n", "502 Bad Gateway The server"),
        ("plain words\n", "plain words"),
        (b"", "HTTP 502"),
    ],
)
def test_an_error_is_told_in_the_words_of_whoever_answered(body, said):
    assert words(body, 502) == said
