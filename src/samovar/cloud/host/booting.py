# SPDX-License-Identifier: Apache-2.0
"""Pure: from a server's spec to what it boots with: its script, its config drive."""

from __future__ import annotations

import json
from typing import Any

from samovar.cloud.host.specs import FileSpec, ServerSpec
from samovar.cloud.host.user_data import BootPlan, Instance, compile_user_data

__all__ = ["boot_plan", "config_drive"]

SEED = "/var/lib/cloud/seed/config_drive/openstack/latest"


def boot_plan(spec: ServerSpec) -> BootPlan:
    image = "the host's own programs" if spec.image == "host" else f"image {spec.image}"
    cpus = "1 CPU" if spec.vcpus == 1 else f"{spec.vcpus} CPUs"
    instance = Instance(
        id=spec.id,
        hostname=spec.hostname,
        banner=f"Samovar server {spec.hostname} ({image}, {cpus}, {spec.memory_mb} MiB)",
        public_keys=spec.public_keys,
        admin_password=spec.admin_password,
        nameservers=spec.nameservers,
        files=(*spec.files, *(config_drive(spec) if spec.config_drive else ())),
    )
    return compile_user_data(spec.user_data, instance)


def config_drive(spec: ServerSpec) -> tuple[FileSpec, ...]:
    """The documents of a config drive, as files."""
    meta_data = spec.meta_data or json.dumps(_meta_data(spec)).encode()
    documents = {"meta_data.json": meta_data, "user_data": spec.user_data}
    documents["network_data.json"] = spec.network_data or b'{"links": [], "networks": [], "services": []}'
    return tuple(
        FileSpec(path=f"{SEED}/{name}", content=content, mode=0o600)
        for name, content in documents.items()
        if content
    )


def _meta_data(spec: ServerSpec) -> dict[str, Any]:
    names = [f"key-{number}" for number in range(len(spec.public_keys))]
    return {
        "uuid": spec.id,
        "name": spec.hostname,
        "hostname": spec.hostname,
        "launch_index": 0,
        "meta": spec.metadata,
        "public_keys": dict(zip(names, spec.public_keys, strict=True)),
    }
