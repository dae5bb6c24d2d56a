# SPDX-License-Identifier: Apache-2.0
import configparser
import subprocess
import sys

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
            assert ("User" in parsed["Service"]) == (service not in ("network", "compute"))


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
