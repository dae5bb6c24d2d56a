# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextvars
import json
import logging

import pytest

from samovar.config import ObservabilitySettings, OptionsError, load
from samovar.observability import about, begin_logging
from samovar.observability.logs import masked


@pytest.fixture
def lines(capsys):
    """What is logged, as it is written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err.splitlines()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_work_that_is_thrown_away_may_end_in_another_context():
    async def work():
        with about(request_id="req-1"):
            await asyncio.sleep(0)

    thrown = work()
    contextvars.Context().run(thrown.send, None)
    thrown.close()


async def test_json_lines_say_what_they_are_about(lines):
    begin_logging(ObservabilitySettings(use_json=True), "engine")
    log = logging.getLogger("samovar.test")

    async def work():
        log.warning("working on %s", "it")

    with about(request_id="req-1", stack_id=""):
        with about(operation_id="op-1", stack_id="st-1"):
            task = asyncio.create_task(work())
        await task
        log.info("after")
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        log.exception("broken")
    first, second, third = (json.loads(line) for line in lines())
    assert (first["message"], first["level"]) == ("working on it", "WARNING")
    assert (first["request_id"], first["operation_id"], first["stack_id"]) == ("req-1", "op-1", "st-1")
    assert first["services"] == "engine" and first["time"].endswith("+00:00")
    assert second["request_id"] == "req-1" and "operation_id" not in second
    assert "ValueError" in third["exception"] and "hunter2" not in third["exception"]


def test_text_lines_say_it_too(lines):
    begin_logging(ObservabilitySettings())
    with about(request_id="req-1"):
        logging.getLogger("samovar.test").info("here")
        logging.getLogger("samovar.test").debug("not shown")
    (line,) = lines()
    assert line.endswith("INFO samovar.test: [req-1] here")


def test_levels_by_option(lines, tmp_path):
    (tmp_path / "heat.conf").write_text(
        "[DEFAULT]\ndebug = true\ndefault_log_levels = samovar.noisy=ERROR, other=DEBUG\n"
    )
    begin_logging(load(tmp_path, [tmp_path / "heat.conf"]).observability)
    logging.getLogger("samovar.noisy").warning("hush")
    logging.getLogger("samovar.test").debug("shown")
    assert [line.rsplit(" ", 1)[1] for line in lines()] == ["shown"]
    with pytest.raises(OptionsError, match="'samovar' is not LOGGER=LEVEL"):
        begin_logging(ObservabilitySettings(default_log_levels=["samovar"]))
    with pytest.raises(OptionsError, match=r"log_file: .*heat\.conf/x"):
        begin_logging(ObservabilitySettings(log_file=str(tmp_path / "heat.conf" / "x")))


@pytest.mark.parametrize(
    "text",
    [
        "mysql+pymysql://root:CANARY@10.0.0.1/heat",
        "rabbit://guest:CANARY@b:5672/",
        '{"auth": {"password": "CANARY", "name": "x"}}',
        "X-Auth-Token: CANARY",
        "{'X-Subject-Token': 'CANARY'}",
        "heartbeat_key=CANARY",
        "auth_encryption_key = CANARY",
        "admin_password: CANARY,",
        "gAAAAABmCANARYCANARYCANARYCANARY==",
        "-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END RSA PRIVATE KEY-----",
        "client_secret='CANARY'",
    ],
)
def test_what_looks_like_a_secret_is_not_logged(text):
    assert "CANARY" not in masked(f"before {text} after") and masked(f"before {text}").startswith("before ")


def test_other_words_are_left_alone():
    text = "The token is not valid. http://h:5000/v3 password policy; secret_ref=http://h/v1/secrets/1"
    assert masked(text) == text
