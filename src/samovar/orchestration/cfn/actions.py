# SPDX-License-Identifier: Apache-2.0
"""The actions of the Query API, each a few requests to the native API in the name of who signed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from samovar.clients import Cloud, CloudError, segment

from .errors import refusal
from .signed import ARN

Params = Mapping[str, str]
Result = dict[str, Any]
EVENTS_AT_ONCE = 100
SERVICE = "orchestration"


class Stacks:
    """The stacks of one caller."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def get(self, path: str, **query: Any) -> Any:
        return await self._cloud.get(SERVICE, path, query=query)

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        return (await self._cloud.request(SERVICE, method, path, json=body)).body

    async def path(self, params: Params) -> str:
        """`/stacks/<name>/<id>` of the stack that StackName (a name or an ARN) means."""
        given = needed(params, "StackName")
        arn = ARN.match(given)
        if arn is not None:
            return f"/stacks/{segment(unquote(arn['name']))}/{arn['id']}"
        try:
            answer = await self._cloud.request(SERVICE, "GET", f"/stacks/{segment(given)}")
        except CloudError as error:
            if error.not_found:
                raise no_stack(given) from error
            raise
        _, _, found = str(answer.headers["location"]).partition("/stacks/")
        name, identity = found.split("?")[0].split("/")[:2]
        return f"/stacks/{name}/{identity}"

    async def show(self, params: Params) -> dict[str, Any]:
        return dict((await self.get(await self.path(params)))["stack"])

    async def arn(self, stack: Mapping[str, Any]) -> str:
        project = await self._cloud.project_id()
        return f"arn:openstack:heat::{project}:stacks/{segment(stack['stack_name'])}/{stack['id']}"


def no_stack(name: str) -> Exception:
    return refusal("ValidationError", f"Stack with id {name} does not exist")


def needed(params: Params, name: str) -> str:
    """The parameter. Raises a refusal."""
    value = params.get(name)
    if not value:
        raise refusal("MissingParameter", f"{params.get('Action')} needs the parameter {name}.")
    return value


# Making and changing


async def create(stacks: Stacks, params: Params) -> Result:
    body = {"stack_name": needed(params, "StackName"), **_template(params), **_options(params)}
    body["parameters"], _ = _parameters(params)
    made = (await stacks.send("POST", "/stacks", body))["stack"]
    return {"StackId": await stacks.arn({"id": made["id"], "stack_name": body["stack_name"]})}


async def update(stacks: Stacks, params: Params) -> Result:
    path = await stacks.path(params)
    previous = params.get("UsePreviousTemplate", "").lower() == "true"
    values, kept = _parameters(params)
    body = {**({} if previous else _template(params)), **_options(params), "parameters": values}
    await stacks.send("PATCH" if previous or kept else "PUT", path, body)
    name, identity = path.split("/")[2:]
    return {"StackId": await stacks.arn({"id": identity, "stack_name": unquote(name)})}


async def cancel_update(stacks: Stacks, params: Params) -> Result:
    await stacks.send("POST", f"{await stacks.path(params)}/actions", {"cancel_update": None})
    return {}


async def remove(stacks: Stacks, params: Params) -> Result:
    """Deleting what is gone already is no error."""
    try:
        await stacks.send("DELETE", await stacks.path(params))
    except CloudError as error:
        if not error.not_found:
            raise
    return {}


def _template(params: Params) -> dict[str, str]:
    text, url = params.get("TemplateBody"), params.get("TemplateUrl") or params.get("TemplateURL")
    if text:
        return {"template": text}
    if url:
        return {"template_url": url}
    raise refusal("MissingParameter", "TemplateBody or TemplateUrl must be given.")


def _parameters(params: Params) -> tuple[dict[str, str], bool]:
    """The parameters given, and whether any is to keep its value."""
    values: dict[str, str] = {}
    kept = False
    for prefix in _members(params, "Parameters", "ParameterKey"):
        if params.get(f"{prefix}.UsePreviousValue", "").lower() == "true":
            kept = True
        elif f"{prefix}.ParameterValue" in params:
            values[params[f"{prefix}.ParameterKey"]] = params[f"{prefix}.ParameterValue"]
        else:
            raise refusal("InvalidParameterValue", f"{prefix}.ParameterValue must be given.")
    return values, kept


def _members(params: Params, name: str, key: str) -> list[str]:
    """`Parameters.member.1`, … in their order."""
    found = [each.removesuffix(f".{key}") for each in params if each.startswith(f"{name}.member.")]
    prefixes = {each for each in found if each.rpartition(".")[2].isdigit()}
    return sorted(prefixes, key=lambda each: int(each.rpartition(".")[2]))


def _options(params: Params) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if params.get("TimeoutInMinutes"):
        if not params["TimeoutInMinutes"].isdigit():
            raise refusal("InvalidParameterValue", "TimeoutInMinutes must be a number of minutes.")
        found["timeout_mins"] = int(params["TimeoutInMinutes"])
    rollback, on_failure = params.get("DisableRollback"), params.get("OnFailure")
    if rollback and on_failure:
        raise refusal("InvalidParameterCombination", "DisableRollback and OnFailure exclude each other.")
    if rollback:
        if rollback.lower() not in ("true", "false"):
            raise refusal("InvalidParameterValue", "DisableRollback must be true or false.")
        found["disable_rollback"] = rollback.lower() == "true"
    if on_failure:
        if on_failure not in ("DO_NOTHING", "ROLLBACK", "DELETE"):
            raise refusal("InvalidParameterValue", "OnFailure must be DO_NOTHING, ROLLBACK or DELETE.")
        found["disable_rollback"] = on_failure == "DO_NOTHING"
    tags = [params.get(f"{each}.Key", "") for each in _members(params, "Tags", "Key")]
    if tags:
        found["tags"] = ",".join(tags)
    return found


# Reading


async def listed(stacks: Stacks, params: Params) -> Result:
    wanted = {value for name, value in params.items() if name.startswith("StackStatusFilter.member.")}
    query = {"show_deleted": "true"} if "DELETE_COMPLETE" in wanted else {}
    found = (await stacks.get("/stacks", **query))["stacks"]
    return {
        "StackSummaries": [
            _present(
                {
                    "StackId": await stacks.arn(each),
                    "StackName": each["stack_name"],
                    "CreationTime": each["creation_time"],
                    "LastUpdatedTime": each["updated_time"],
                    "DeletionTime": each["deletion_time"],
                    "StackStatus": each["stack_status"],
                    "StackStatusReason": each["stack_status_reason"],
                    "TemplateDescription": each["description"] or None,
                }
            )
            for each in found
            if not wanted or each["stack_status"] in wanted
        ]
    }


async def describe(stacks: Stacks, params: Params) -> Result:
    if params.get("StackName"):
        return {"Stacks": [await _described(stacks, await stacks.show(params))]}
    found = (await stacks.get("/stacks"))["stacks"]
    shown = [
        (await stacks.get(f"/stacks/{segment(each['stack_name'])}/{each['id']}"))["stack"] for each in found
    ]
    return {"Stacks": [await _described(stacks, each) for each in shown]}


async def _described(stacks: Stacks, stack: Mapping[str, Any]) -> dict[str, Any]:
    return _present(
        {
            "StackId": await stacks.arn(stack),
            "StackName": stack["stack_name"],
            "Description": stack["description"],
            "CreationTime": stack["creation_time"],
            "LastUpdatedTime": stack["updated_time"],
            "DeletionTime": stack.get("deletion_time"),
            "StackStatus": stack["stack_status"],
            "StackStatusReason": stack["stack_status_reason"],
            "DisableRollback": stack["disable_rollback"],
            "TimeoutInMinutes": stack["timeout_mins"],
            "Capabilities": list(stack["capabilities"]),
            "NotificationARNs": list(stack["notification_topics"]),
            "Tags": [{"Key": tag, "Value": ""} for tag in stack.get("tags") or []],
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in stack["parameters"].items()
            ],
            "Outputs": [
                {
                    "OutputKey": each["output_key"].replace(":", "."),
                    "OutputValue": _text(each.get("output_value")),
                    "Description": each["description"],
                }
                for each in stack.get("outputs") or []
            ],
        }
    )


async def resources(stacks: Stacks, params: Params) -> Result:
    """DescribeStackResources: by the stack, or by what one of its resources is in the cloud."""
    physical = params.get("PhysicalResourceId")
    if physical and params.get("StackName"):
        raise refusal("InvalidParameterCombination", "StackName and PhysicalResourceId exclude each other.")
    paths = [await stacks.path(params)] if not physical else await _all_paths(stacks)
    for path in paths:
        stack = (await stacks.get(path, resolve_outputs="false"))["stack"]
        found = (await stacks.get(f"{path}/resources"))["resources"]
        if physical and not any(each["physical_resource_id"] == physical for each in found):
            continue
        wanted = params.get("LogicalResourceId")
        shown = [each for each in found if wanted in (None, each["resource_name"])]
        if wanted and not shown:
            raise refusal(
                "ValidationError", f"Resource {wanted} does not exist for stack {stack['stack_name']}"
            )
        about = {"StackId": await stacks.arn(stack), "StackName": stack["stack_name"]}
        return {"StackResources": [{**about, **_resource(each, "Timestamp")} for each in shown]}
    raise no_stack(str(physical))


async def _all_paths(stacks: Stacks) -> list[str]:
    found = (await stacks.get("/stacks"))["stacks"]
    return [f"/stacks/{segment(each['stack_name'])}/{each['id']}" for each in found]


async def resource_summaries(stacks: Stacks, params: Params) -> Result:
    found = (await stacks.get(f"{await stacks.path(params)}/resources"))["resources"]
    return {"StackResourceSummaries": [_resource(each, "LastUpdatedTimestamp") for each in found]}


async def resource(stacks: Stacks, params: Params) -> Result:
    """DescribeStackResource, with the resource's metadata."""
    path, name = await stacks.path(params), needed(params, "LogicalResourceId")
    stack = (await stacks.get(path, resolve_outputs="false"))["stack"]
    where = f"{path}/resources/{segment(name)}"
    found = (await stacks.get(where))["resource"]
    metadata = (await stacks.get(f"{where}/metadata"))["metadata"]
    detail = _resource(found, "LastUpdatedTimestamp") | {
        "Description": found.get("description") or "",
        "Metadata": json.dumps(metadata) if metadata else "",
        "StackId": await stacks.arn(stack),
        "StackName": stack["stack_name"],
    }
    return {"StackResourceDetail": detail}


def _resource(shown: Mapping[str, Any], when: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": shown["resource_name"],
        "PhysicalResourceId": shown["physical_resource_id"] or "",
        "ResourceType": shown["resource_type"],
        when: shown["updated_time"] or shown["creation_time"],
        "ResourceStatus": shown["resource_status"],
        "ResourceStatusReason": shown["resource_status_reason"],
    }


async def events(stacks: Stacks, params: Params) -> Result:
    """The newest events first, so many at once; NextToken goes on."""
    path = await stacks.path(params)
    stack = (await stacks.get(path, resolve_outputs="false"))["stack"]
    query: dict[str, Any] = {"limit": EVENTS_AT_ONCE, "sort_dir": "desc"}
    if params.get("NextToken"):
        query["marker"] = params["NextToken"]
    found = (await stacks.get(f"{path}/events", **query))["events"]
    about = {"StackId": await stacks.arn(stack), "StackName": stack["stack_name"]}
    shown = []
    for each in found:
        where = f"{path}/resources/{segment(each['resource_name'])}/events/{each['id']}"
        event = (await stacks.get(where))["event"]
        shown.append(
            {
                **about,
                "EventId": event["id"],
                "LogicalResourceId": event["resource_name"],
                "PhysicalResourceId": event["physical_resource_id"] or "",
                "ResourceType": event["resource_type"],
                "Timestamp": event["event_time"],
                "ResourceStatus": event["resource_status"],
                "ResourceStatusReason": event["resource_status_reason"],
                "ResourceProperties": json.dumps(event.get("resource_properties") or {}),
            }
        )
    more = {"NextToken": found[-1]["id"]} if len(found) == EVENTS_AT_ONCE else {}
    return {"StackEvents": shown, **more}


async def template(stacks: Stacks, params: Params) -> Result:
    return {"TemplateBody": json.dumps(await stacks.get(f"{await stacks.path(params)}/template"))}


async def validate(stacks: Stacks, params: Params) -> Result:
    found = await stacks.send("POST", "/validate", _template(params))
    return {
        "Description": found["Description"],
        "Parameters": [
            _present(
                {
                    "ParameterKey": name,
                    "DefaultValue": _text(each["Default"]) if "Default" in each else None,
                    "Description": each.get("Description"),
                    "NoEcho": each.get("NoEcho") == "true",
                }
            )
            for name, each in found["Parameters"].items()
        ],
    }


async def estimate(_stacks: Stacks, _params: Params) -> Result:
    raise refusal("InvalidAction", "Nothing has a price here: EstimateTemplateCost is not available.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


ACTIONS: Mapping[str, Callable[[Stacks, Params], Awaitable[Result]]] = {
    "CancelUpdateStack": cancel_update,
    "CreateStack": create,
    "DeleteStack": remove,
    "DescribeStackEvents": events,
    "DescribeStackResource": resource,
    "DescribeStackResources": resources,
    "DescribeStacks": describe,
    "EstimateTemplateCost": estimate,
    "GetTemplate": template,
    "ListStackResources": resource_summaries,
    "ListStacks": listed,
    "UpdateStack": update,
    "ValidateTemplate": validate,
}
