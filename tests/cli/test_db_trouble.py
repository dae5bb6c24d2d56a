# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.cli.main import main


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u@127.0.0.1:1/d", "the database did not answer: "),
        ("mysql+pymysql://u:p@127.0.0.1:1/d", "the database did not answer: "),
        ("oracle://u@h/d", "[database] connection: oracle is not a database that is served"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(address, said, tmp_path, capsys):
    config = tmp_path / "samovar.conf"
    config.write_text(f"[database]\nconnection = {address}\n")
    status = main(["db", "upgrade", "--config-file", str(config), "--state-dir", str(tmp_path / "state")])
    assert status != 0
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
