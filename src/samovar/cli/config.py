# SPDX-License-Identifier: Apache-2.0
"""samovar config: a sample configuration file, and the units that run each service."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys

from .main import CommandError


def run(options: argparse.Namespace) -> int:
    if options.what == "sample":
        from samovar.config import sample

        texts = {"samovar.conf": sample()}
    else:
        from samovar.runtime import units

        program = options.program or os.environ.get("SAMOVAR_PROGRAM") or shutil.which("samovar")
        made = units(
            program=program or shlex.join([sys.executable, "-m", "samovar.cli.main"]),
            config=str(options.config),
            state=str(options.state_dir),
            user=options.user,
        )
        texts = dict(made)
        if options.output is None:
            raise CommandError(
                "name the directory that the units are written to: --output /etc/systemd/system"
            )
    if options.output is None:
        print(texts["samovar.conf"], end="")
        return 0
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (options.output / name).write_text(text)
    except OSError as error:
        raise CommandError(f"{error.filename or options.output}: {error.strerror}") from error
    paths = [str(options.output / name) for name in texts]
    print(json.dumps({"files": paths}) if options.json else "\n".join(paths))
    return 0
