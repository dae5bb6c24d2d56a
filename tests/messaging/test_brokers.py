# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.config import load
from samovar.messaging import LocalBus, brokers_of, open_bus


def brokers(tmp_path, text):
    file = tmp_path / "heat.conf"
    file.write_text(text)
    found = brokers_of(load(tmp_path, [file]).messaging)
    return [(str(one), one.user, one.password, one.virtual_host) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[DEFAULT]\nrabbit_host = localhost\n", [("localhost:5672", "guest", "guest", "/")]),
        (
            "[DEFAULT]\nrabbit_hosts = a:5673, b\nrabbit_userid = u\nrabbit_password = p\nrabbit_virtual_host = v\n",
            [("a:5673", "u", "p", "v"), ("b:5672", "u", "p", "v")],
        ),
        ("[oslo_messaging_rabbit]\nrabbit_host = h\n", [("h:5672", "guest", "guest", "/")]),
        (
            "[DEFAULT]\ntransport_url = rabbit://u:p%40ss@a:5673,u2:q@[::1]:5674/cluster\nrabbit_host = no\n",
            [("a:5673", "u", "p@ss", "cluster"), ("[::1]:5674", "u2", "q", "cluster")],
        ),
        (
            "[DEFAULT]\ntransport_url = rabbit://u:p@a,b/\n",
            [("a:5672", "u", "p", "/"), ("b:5672", "u", "p", "/")],
        ),
        ("[DEFAULT]\ntransport_url = fake://\n", []),
        ("", []),
    ],
)
def test_brokers_are_named_as_documents_name_them(tmp_path, text, expected):
    assert brokers(tmp_path, text) == expected


def test_without_a_broker_messages_stay_in_the_process(tmp_path):
    assert isinstance(open_bus(load(tmp_path).messaging), LocalBus)
