# SPDX-License-Identifier: Apache-2.0
import pytest

from samovar.config import OptionsError, load


def test_a_snippet_of_heat_conf_works_as_printed(tmp_path):
    file = tmp_path / "heat.conf"
    file.write_text("[DEFAULT]\nsql_connection = mysql://heat:heat@localhost/heat\nnum_engine_workers=4\n")
    settings = load(tmp_path, [file])
    assert settings.database_url == "mysql://heat:heat@localhost/heat"
    assert settings.engine.num_engine_workers == 4
    assert settings.api.bind_port == 9090


def test_a_value_that_cannot_be_read_names_its_option(tmp_path):
    file = tmp_path / "heat.conf"
    file.write_text("[DEFAULT]\nnum_engine_workers = many\n")
    with pytest.raises(OptionsError, match=r"\[DEFAULT\] num_engine_workers: 'many'"):
        load(tmp_path, [file])
