# SPDX-License-Identifier: Apache-2.0
"""Instances in the words of EC2: servers, with their properties under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext, Waiting
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.server import SERVER

Values = Mapping[str, Any]
_RENAMED = {
    "AvailabilityZone": "availability_zone",
    "ImageId": "image",
    "InstanceType": "flavor",
    "KeyName": "key_name",
    "UserData": "user_data",
}
LOGIN_USER = "ec2-user"  # whom the key pair lets in
_CHANGEABLE = {
    "InstanceType": "flavor",
    "NetworkInterfaces": "networks",
    "SubnetId": "networks",
    "Tags": "metadata",
}


def server_properties(values: Values) -> dict[str, Any]:
    """Properties of AWS::EC2::Instance as those of OS::Nova::Server."""
    found = {theirs: values.get(ours) for ours, theirs in _RENAMED.items()}
    found["user_data_format"], found["login_user"] = "HEAT_CFNTOOLS", LOGIN_USER
    found["metadata"] = _pairs(values.get("Tags"))
    found["scheduler_hints"] = _pairs(values.get("NovaSchedulerHints"))
    groups = [*(values.get("SecurityGroupIds") or []), *(values.get("SecurityGroups") or [])]
    found["security_groups"] = groups or None
    found["networks"] = _networks(values)
    found["block_device_mapping"] = _disks(values)
    return {name: value for name, value in found.items() if value not in (None, {}, [])}


def _pairs(given: Any) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in given or []}


def _networks(values: Values) -> list[dict[str, Any]]:
    """Interfaces in the order of their device index; without any, one on the subnet."""
    interfaces: list[Mapping[str, Any]] = [
        {"NetworkInterfaceId": each, "DeviceIndex": index} if isinstance(each, str) else each
        for index, each in enumerate(values.get("NetworkInterfaces") or [])
    ]
    if interfaces:
        ordered = sorted(interfaces, key=lambda each: int(each.get("DeviceIndex") or 0))
        return [{"port": each["NetworkInterfaceId"]} for each in ordered]
    return [{"subnet": values["SubnetId"]}] if values.get("SubnetId") else []


def _disks(values: Values) -> list[dict[str, Any]]:
    disks: list[dict[str, Any]] = [
        {"device_name": each["Device"], "volume_id": each["VolumeId"]} for each in values.get("Volumes") or []
    ]
    for each in values.get("BlockDeviceMappings") or []:
        ebs = each.get("Ebs") or {}
        disks.append(
            {
                "device_name": each["DeviceName"],
                "snapshot_id": ebs.get("SnapshotId"),
                "volume_size": ebs.get("VolumeSize"),
                "delete_on_termination": ebs.get("DeleteOnTermination"),
            }
        )
    return disks


class _AsServer:
    """The same resource, its properties as a server's; everything else is passed on."""

    def __init__(self, context: ResourceContext, properties: Values) -> None:
        self._context, self.properties = context, properties

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _server(context: ResourceContext, properties: Values | None = None) -> Any:
    given = context.properties if properties is None else properties
    return _AsServer(context, server_properties(given))


class Instance(Behaviour):
    """What OS::Nova::Server does."""

    async def create(self, context: ResourceContext) -> str | None:
        return await SERVER.create(await self._looked_up(context))

    async def find(self, context: ResourceContext) -> str | None:
        return await SERVER.find(_server(context))

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        context = await self._looked_up(context)
        names = {_CHANGEABLE[name] for name in changes.names if name in _CHANGEABLE}
        before, after = server_properties(changes.before), context.properties
        await SERVER.update(context, Changes(before, after, frozenset(names), changes.metadata))

    async def delete(self, context: ResourceContext) -> None:
        await SERVER.delete(_server(context))

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        return await SERVER.progress(
            await self._looked_up(context) if action == "UPDATE" else context, action
        )

    async def check(self, context: ResourceContext) -> None:
        await SERVER.check(context)

    async def suspend(self, context: ResourceContext) -> None:
        await SERVER.suspend(context)

    async def resume(self, context: ResourceContext) -> None:
        await SERVER.resume(context)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = await SERVER.attributes(context, frozenset({"show", "first_address"}))
        shown, address = found["show"], found["first_address"]
        known = {"AvailabilityZone": shown.get("OS-EXT-AZ:availability_zone"), "show": shown}
        return {name: known.get(name, address) for name in names}

    @staticmethod
    async def _looked_up(context: ResourceContext) -> Any:
        """As a server, with ids in place of the names of its image and flavor."""
        lookup, server = Lookup(context.cloud), _server(context)
        for name, service, entity in (("image", "glance", "image"), ("flavor", "nova", "flavor")):
            server.properties[name] = await lookup.find(service, entity, str(server.properties[name]))
        return server
