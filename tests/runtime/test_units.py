# SPDX-License-Identifier: Apache-2.0
import configparser
import subprocess
import sys
from pathlib import Path

from samovar.cli.main import main
from samovar.runtime import SERVICES, units


def test_every_service_has_a_unit_that_systemd_can_read():
    made = units(
        program="/opt/samovar/samovar",
        config="/etc/samovar/samovar.conf",
        state="/var/lib/samovar",
        user="samovar",
    )
    assert {name.partition("@")[0].removesuffix(".service") for name in made} - {"samovar.target"} == {
        f"samovar-{name}" for name in SERVICES
    }
    for name, text in made.items():
        parsed = configparser.ConfigParser(interpolation=None, strict=True)
        parsed.optionxform = str
        parsed.read_string(text)
        if name.endswith(".service"):
            service = name.removeprefix("samovar-").removesuffix(".service").removesuffix("@")
            start = parsed["Service"]["ExecStart"]
            assert start.startswith(
                f"/opt/samovar/samovar serve {service} --config-file /etc/samovar/samovar.conf"
            )
            assert parsed["Service"]["Type"] == "notify"
            on_host = service in ("network", "compute")
            assert ("User" in parsed["Service"]) == (not on_host)
            # root without its powers could not write to another user's directory
            assert start.endswith("--state-dir /var/lib/samovar" + "-host" * on_host)


def test_systemd_finds_nothing_wrong_with_them(tmp_path):
    program, config = sys.executable, tmp_path / "samovar.conf"
    made = units(program=program, config=str(config), state="/var/lib/samovar", user="daemon")
    for name, text in made.items():
        (tmp_path / name.replace("@", "@1")).write_text(text)
    found = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", *found], capture_output=True, text=True, check=False, timeout=60
    )
    own = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "samovar" in line]
    assert done.returncode == 0 and own == [], done.stderr


def test_units_start_the_launcher_that_wrote_them(tmp_path, monkeypatch):
    """The interpreter alone does not find the program of a clone."""
    monkeypatch.setenv("SAMOVAR_PROGRAM", "/opt/samovar/samovar")
    assert main(["config", "units", "--output", str(tmp_path)]) == 0
    text = (tmp_path / "samovar-identity.service").read_text()
    assert "ExecStart=/opt/samovar/samovar serve identity " in text
    launcher = Path(__file__).parent.parent.parent / "samovar"
    assert 'SAMOVAR_PROGRAM="$here/samovar"' in launcher.read_text()
