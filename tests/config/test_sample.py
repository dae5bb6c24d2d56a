# SPDX-License-Identifier: Apache-2.0
import re

from samovar.config import load, options, sample


def test_the_sample_says_what_the_program_does_without_it(tmp_path):
    file = tmp_path / "samovar.conf"
    file.write_text(sample())
    assert load(tmp_path, [file]) == load(tmp_path)


def test_every_default_of_the_sample_can_be_read_when_it_is_taken_into_use(tmp_path):
    file = tmp_path / "samovar.conf"
    file.write_text(re.sub(r"^#(\w+ = .)", r"\1", sample(), flags=re.M))
    read, plain = load(tmp_path, [file]), load(tmp_path)
    assert read.engine == plain.engine
    assert read.loadbalancer == plain.loadbalancer
    assert read.messaging == plain.messaging
    assert read.listening.port("orchestration-api") == 8004


def test_every_option_says_what_it_is_for():
    assert [one.name for one in options() if len(one.help) < 5] == []


def test_options_of_the_guide_are_known_by_the_names_that_it_prints(tmp_path):
    file = tmp_path / "heat.conf"
    file.write_text(
        "[DEFAULT]\n"
        "sql_connection = mysql+pymysql://root:admin@10.0.0.1/heat?charset=utf8\n"
        "rabbit_host = 10.0.0.1\nrabbit_port = 5673\nrabbit_userid = u\nrabbit_password = p\n"
        "[heat_api]\nbind_port = 8104\nbind_host = 10.0.0.2\n"
        "[heat_api_cfn]\nbind_port = 8100\nbind_host = 10.0.0.2\n"
        "[api_settings]\nbind_port = 9976\nbind_host = 10.0.0.2\n"
    )
    settings = load(tmp_path, [file])
    assert settings.database_url == "mysql+pymysql://root:admin@10.0.0.1/heat?charset=utf8"
    assert (settings.messaging.rabbit_host, settings.messaging.rabbit_port) == ("10.0.0.1", 5673)
    assert (settings.messaging.rabbit_userid, settings.messaging.rabbit_password) == ("u", "p")
    for service, port in (
        ("orchestration-api", 8104),
        ("cloudformation-api", 8100),
        ("loadbalancer-api", 9976),
        ("identity", 5000),
    ):
        assert settings.listening.port(service) == port
    assert settings.listening["orchestration-api"].bind_host == "10.0.0.2"
