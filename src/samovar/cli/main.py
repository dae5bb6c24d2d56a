# SPDX-License-Identifier: Apache-2.0
"""The command line: which commands there are, and how their failures are told.

Each command lives in a module of its own that is imported when it is called, so that ``--help``
answers at once.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from samovar import __version__

COLLECT_EVERY = 50_000  # new objects; large templates are many objects that all stay


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


def default_state_dir() -> Path:
    """Where the cloud of this user keeps its state."""
    named = os.environ.get("SAMOVAR_STATE_DIR")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/lib/samovar")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "samovar"


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--state-dir",
        type=Path,
        default=default_state_dir(),
        metavar="DIR",
        help="where the cloud keeps everything (default: %(default)s)",
    )
    shared.add_argument("--json", action="store_true", help="answer in JSON, for programs")

    stack = argparse.ArgumentParser(add_help=False)
    stack.add_argument("-P", "--parameter", action="append", default=[], metavar="NAME=VALUE")
    stack.add_argument("-e", "--environment", action="append", default=[], type=Path, metavar="FILE")

    stack.add_argument(
        "--private-urls",
        action="store_true",
        help="fetch what templates name by URL from private addresses, too",
    )

    top = argparse.ArgumentParser(
        prog="samovar",
        description="Heat's templates and Octavia's load balancers, with a small cloud of their own.",
    )
    top.add_argument("--version", action="version", version=f"samovar {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, help: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help, parents=[shared, *parents])

    up = command("up", "start the cloud where it isn't running, and make a template real", stack)
    up.add_argument("template", nargs="?", type=Path, metavar="TEMPLATE")
    up.add_argument("--name", metavar="STACK", help="name of the stack (default: the file's name)")
    up.add_argument("--rollback", action="store_true", help="undo a create or update that fails")
    up.add_argument("--timeout", type=int, metavar="MINUTES", help="give the stack this long")
    up.add_argument("--drift", action="store_true", help="mend what the cloud has otherwise than was made")
    up.add_argument("--detach", action="store_true", help="do not wait for the stack")
    up.add_argument(
        "--plan", metavar="HASH", help="apply only the plan that 'samovar plan --json' gave this hash"
    )
    _listening(up)

    down = command("down", "stop the cloud; its state is kept")
    down.add_argument("--purge", action="store_true", help="remove the state too: stacks, images, passwords")

    serve = command("serve", "run services in the foreground")
    serve.add_argument("services", nargs="+", metavar="NAME", help="a service, or 'all'")
    _listening(serve)

    status = command("status", "what runs, where it listens, and how it is")
    status.add_argument(
        "--cluster", action="store_true", help="every process and all work, as the database shows it"
    )
    _files(status)
    command("doctor", "what this machine needs, and how to get what it lacks")

    logs = command("logs", "what the cloud has logged")
    logs.add_argument(
        "-n", "--lines", type=int, default=50, metavar="N", help="the last N lines (default 50)"
    )
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is logged from now")

    validate = command("validate", "check a template; needs no running cloud", stack)
    validate.add_argument("template", type=Path, metavar="TEMPLATE")

    plan = command("plan", "what 'up' would change, and why", stack)
    plan.add_argument("template", type=Path, metavar="TEMPLATE")
    plan.add_argument("--name", metavar="STACK", help="name of the stack (default: the file's name)")

    plan.add_argument(
        "--format",
        choices=["text", "json", "mermaid", "dot", "svg"],
        default="text",
        help="how to show it (default: text)",
    )
    plan.add_argument(
        "--drift", action="store_true", help="look at what the cloud has now, not only at the records"
    )
    plan.add_argument("--unchanged", action="store_true", help="show in the text what stays as it is, too")
    plan.epilog = "Exit status: 0, nothing to do; 2, there are changes; 1, there can be no plan."

    deploy = command("deploy", "the proxies and addresses in front of a cluster")
    deploy.add_argument("what", choices=["proxy"])
    deploy.add_argument("--inventory", required=True, type=Path, metavar="FILE", help="the machines, in YAML")
    deploy.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="where each endpoint's files are written"
    )
    deploy.add_argument("--apply", action="store_true", help="take them into use on this machine")
    deploy.add_argument("--node", metavar="NAME", help="which machine of the inventory this one is")
    deploy.add_argument(
        "--force", action="store_true", help="take them into use although a service does not answer"
    )
    deploy.add_argument(
        "--leave-addresses", action="store_true", help="leave keepalived alone: something else moves them"
    )

    _explaining(command)
    _balancing(commands, shared)
    _configuring(command)

    image = command(
        "amphora-image", "build the image of amphorae from what this machine has, and register it"
    )
    image.add_argument("--output", type=Path, metavar="FILE", help="also write it here (tar.gz)")
    image.add_argument("--name", default="amphora", help="name of the image (default: %(default)s)")
    image.add_argument("--tag", default="amphora", help="its tag (default: %(default)s)")

    certificates = command("certs", "the certificates between load balancing's controllers and amphorae")
    certificates.add_argument("action", choices=["create", "show", "rotate"])
    certificates.add_argument("--output", type=Path, metavar="DIR", help="create: put them here")
    certificates.add_argument(
        "--authority", choices=["server", "client"], help="rotate: make this authority anew, too"
    )
    _files(certificates)
    _database(command)
    check = command("galera-check", "tell proxies whether this node of a Galera cluster may be used")
    check.add_argument("--connection", metavar="URL", help="the node; default: [database] connection")
    check.add_argument("--bind-host", default="0.0.0.0", metavar="HOST", help="default: %(default)s")
    check.add_argument("--bind-port", type=int, default=9200, metavar="PORT", help="default: %(default)s")
    check.add_argument(
        "--available-when-donor", action="store_true", help="a node that helps another one, too"
    )
    check.add_argument("--available-when-readonly", action="store_true", help="a node that is read-only, too")
    _files(check)

    return top


def _database(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    database = command("db", "look after the database")
    actions = ["upgrade", "version", "purge-deleted", "purge_deleted", "backup", "restore"]
    database.add_argument("action", choices=actions)
    database.add_argument(
        "revision",
        nargs="?",
        metavar="REVISION|AGE|FILE",
        help="the revision to go to (default head), how long ago stacks were deleted (default 90), or the "
        "backup's file",
    )
    database.add_argument("--force", action="store_true", help="restore: although services use the database")
    units = ["days", "hours", "minutes", "seconds"]
    database.add_argument("-g", "--granularity", choices=units, default="days", help="unit of AGE")
    database.add_argument("-p", "--project-id", metavar="ID", help="only stacks of this project")
    database.add_argument(
        "-b", "--batch-size", type=int, default=20, metavar="N", help="stacks forgotten in one transaction"
    )
    _files(database)


def _configuring(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    config = command("config", "a sample configuration file, and systemd's units for each service")
    config.add_argument("what", choices=["sample", "units"])
    config.add_argument(
        "--output", type=Path, metavar="DIR", help="write files there (sample: default is to print it)"
    )
    config.add_argument(
        "--config",
        type=Path,
        default=Path("/etc/samovar/samovar.conf"),
        metavar="FILE",
        help="units: the configuration file (default: %(default)s)",
    )
    config.add_argument(
        "--user", default="samovar", metavar="NAME", help="units: who runs what needs no root"
    )
    config.add_argument("--program", metavar="PATH", help="units: the program (default: this one)")


def _explaining(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    why = command("why", "why a stack failed, or what it waits for")
    why.add_argument("stack", metavar="STACK")
    why.add_argument("resource", nargs="?", metavar="RESOURCE", help="only this one; in nested stacks a/b")
    why.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: text")
    why.epilog = "Exit status: 0, the stack is well; 2, it waits; 1, it failed."
    retry = command("retry", "do again what failed of a stack, with the same template")
    retry.add_argument("stack", metavar="STACK")
    retry.add_argument("--detach", action="store_true", help="do not wait for the stack")
    watch = command("watch", "a stack's resources with their states, live, until its action has ended")
    watch.add_argument("stack", metavar="STACK")
    watch.epilog = "Exit status: 0, it ended well; 1, it failed."
    history = command("history", "what was done to a stack: who, when, what was changed, what came of it")
    history.add_argument("stack", metavar="STACK")
    history.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: text")
    for each in (why, retry, watch, history):
        _elsewhere(each)


def _balancing(commands: Any, shared: argparse.ArgumentParser) -> None:
    told = "what of a load balancer works, what does not and why"
    asking = commands.add_parser("lb", help=told, description=told).add_subparsers(
        dest="lb_command", metavar="COMMAND", required=True
    )
    why = asking.add_parser("why", help="tell it once", description=f"Tells {told}.", parents=[shared])
    why.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: text")
    why.epilog = "Exit status: 0, it is well; 2, it waits; 1, it is degraded or has failed."
    why.add_argument(
        "--configuration", action="store_true", help="HAProxy's configurations, too (for administrators)"
    )
    watch = asking.add_parser(
        "watch", help="show it live", description=f"Shows {told}, live.", parents=[shared]
    )
    watch.add_argument("--settled", action="store_true", help="end when it waits for nothing")
    for each in (why, watch):
        each.add_argument("name", metavar="NAME", help="a load balancer's name or id")
        _elsewhere(each)


def _elsewhere(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--os-cloud", metavar="NAME", help="a cloud of clouds.yaml (default: the one that runs here)"
    )


def _files(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config-file", action="append", default=[], type=Path, metavar="FILE", help="options in INI form"
    )


def _listening(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port",
        type=int,
        default=os.environ.get("SAMOVAR_PORT"),
        metavar="PORT",
        help="port of all the APIs (default 9090)",
    )
    command.add_argument(
        "--external-cidr",
        default=os.environ.get("SAMOVAR_EXTERNAL_CIDR"),
        metavar="CIDR",
        help="addresses of floating IPs (default 172.24.4.0/24)",
    )
    _files(command)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for. `db purge_deleted -g days 30`: argparse gives up a last word that comes so late."""
    whole = parser()
    options, rest = whole.parse_known_args(arguments)
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(options, "revision", "") is None:
        options.revision = rest.pop()
    if rest:
        whole.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 for done, 1 for failed, 2 for a mistake in the command."""
    gc.set_threshold(COLLECT_EVERY)
    options = _parsed(arguments)
    options.state_dir = options.state_dir.absolute()
    module = importlib.import_module(f"samovar.cli.{options.command.replace('-', '_')}")
    try:
        status: int = module.run(options)
        return status
    except CommandError as error:
        print(f"samovar: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


if __name__ == "__main__":
    # `python -m` runs this file under another name; the commands raise the CommandError of this one.
    from samovar.cli.main import main as run

    sys.exit(run())
