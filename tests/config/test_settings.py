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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[DEFAULT]\nnum_engine_workers = 0\n",
            r"\[DEFAULT\] num_engine_workers: 0 is too small; 1 is the least",
        ),
        ("[samovar]\nlease_seconds = nan\n", r"\[samovar\] lease_seconds: 'nan' cannot be read as float"),
        ("[health_manager]\nhealth_check_interval = 0\n", r"health_check_interval: 0 is too small"),
    ],
)
def test_a_value_with_which_nothing_would_work_is_refused(text, said, tmp_path):
    file = tmp_path / "heat.conf"
    file.write_text(text)
    with pytest.raises(OptionsError, match=said):
        load(tmp_path, [file])


def test_a_file_that_is_no_text_is_named(tmp_path):
    file = tmp_path / "heat.conf"
    file.write_bytes(b"[DEFAULT]\n# caf\xe9\n")
    with pytest.raises(OptionsError, match=r"heat\.conf is not text in UTF-8"):
        load(tmp_path, [file])


def test_what_looks_misspelled_is_told_and_other_programs_options_are_not_mistaken_for_it(tmp_path):
    file = tmp_path / "heat.conf"
    file.write_text(
        "[DEFAULT]\nnum_engin_workers = 4\nplugin_dirs = /usr/lib/heat\nrabbit_host = a\n"
        "[databse]\nconnection = sqlite:////x\n[heat_api]\nbind_prot = 8004\nworkers = 2\n"
        "[clients_nova]\nendpoint_type = publicURL\n[oslo_policy]\npolicy_file = p.yaml\n"
    )
    settings = load(tmp_path, [file])
    assert settings.misspelled == (
        "[DEFAULT] num_engin_workers is not read; is [DEFAULT] num_engine_workers meant?",
        "[databse] connection is not read; is [database] connection meant?",
        "[heat_api] bind_prot is not read; is [heat_api] bind_port meant?",
    )
    assert settings.not_known == (
        "[DEFAULT] plugin_dirs",
        "[heat_api] workers",
        "[clients_nova] endpoint_type",
    )
