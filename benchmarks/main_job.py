# SPDX-License-Identifier: Apache-2.0
"""The main job, timed: from the command to a ready API and to a complete stack; and its memory.

    python -m benchmarks.main_job [--servers N]

Run as root from the repository's folder; it starts a cloud of its own and removes it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from clouds import RunningCloud, new_cloud

EXAMPLE = Path(__file__).parent.parent / "examples" / "two-servers.yaml"
GROUP = """
heat_template_version: 2018-08-31
parameters: {count: {type: number}}
resources:
  net: {type: OS::Neutron::Net}
  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.0.0.0/16}}
  group:
    type: OS::Heat::ResourceGroup
    depends_on: subnet
    properties:
      count: {get_param: count}
      resource_def:
        type: OS::Nova::Server
        properties: {image: host, flavor: m1.nano, networks: [{network: {get_resource: net}}]}
"""


def resident(marks: list[str], file: str) -> float:
    """Proportional memory in MB of the processes in whose `file` under /proc one of `marks` stands."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / file).read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if any(mark in text for mark in marks):
                for line in (folder / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


def measure(cloud: RunningCloud, servers: int) -> list[tuple[str, str, str]]:
    rows = []
    began = time.monotonic()
    cloud.up()
    rows.append(("command to API ready", f"{time.monotonic() - began:.2f} s", "≤ 2 s"))
    time.sleep(2)
    rows.append(
        (
            "idle memory of the whole program",
            f"{resident([str(cloud.state_dir)], 'cmdline'):.0f} MB",
            "≤ 200 MB",
        )
    )
    began = time.monotonic()
    result = json.loads(cloud.up(str(EXAMPLE), "--json"))
    elapsed = time.monotonic() - began
    assert result["status"] == "CREATE_COMPLETE", result
    rows.append(("two-server example, command to CREATE_COMPLETE", f"{elapsed:.2f} s", "≤ 5 s"))
    url = result["outputs"]["server1_url"]
    while subprocess.run(["curl", "-s", "-m", "1", "-o", "/dev/null", url], check=False).returncode:
        time.sleep(0.02)
    rows.append(("… and its first HTTP answer", f"{time.monotonic() - began:.2f} s", ""))
    group = cloud.folder / "group.yaml"
    group.write_text(GROUP)
    began = time.monotonic()
    result = json.loads(cloud.up(str(group), "-P", f"count={servers}", "--json", timeout=600))
    elapsed = time.monotonic() - began
    assert result["status"] == "CREATE_COMPLETE", result
    rows.append((f"{servers} servers in a group", f"{elapsed:.2f} s ({servers / elapsed:.1f}/s)", ""))
    time.sleep(2)
    ids = [entry.name for entry in (cloud.state_dir / "servers").iterdir()]
    rows.append(("memory of an idle server", f"{resident(ids, 'cgroup') / len(ids):.1f} MB", "≤ 5 MB"))
    rows.append(("… of the whole program", f"{resident([str(cloud.state_dir)], 'cmdline'):.0f} MB", ""))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cloud = new_cloud(Path(folder))
        try:
            rows = measure(cloud, options.servers)
        finally:
            cloud.samovar("down", "--purge")
    width = max(len(name) for name, _, _ in rows)
    for name, figure, target in rows:
        print(f"{name:<{width}}  {figure:>18}  {target}")


if __name__ == "__main__":
    main()
