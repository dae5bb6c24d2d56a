# SPDX-License-Identifier: Apache-2.0
"""What a boto3 user does with a stack; run by the clients' own Python. Prints what it saw as JSON.

usage: boto3_stacks.py ENDPOINT ACCESS SECRET
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Description: A string
Parameters:
  Length: {Type: Number, Default: '8'}
  Secret: {Type: String, Default: hush, NoEcho: 'true'}
Resources:
  Word: {Type: OS::Heat::RandomString, Properties: {length: {Ref: Length}}}
Outputs:
  Value: {Value: {'Fn::GetAtt': [Word, value]}, Description: The word}
"""
SOON = {"Delay": 1, "MaxAttempts": 60}


def client(endpoint, access, secret):
    return boto3.client(
        "cloudformation",
        endpoint_url=endpoint,
        region_name="RegionOne",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    )


def code_of(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


def main(endpoint, access, secret):
    cfn = client(endpoint, access, secret)
    seen = {"validated": cfn.validate_template(TemplateBody=TEMPLATE)["Parameters"]}
    length = [{"ParameterKey": "Length", "ParameterValue": "12"}]
    arn = cfn.create_stack(
        StackName="words", TemplateBody=TEMPLATE, Parameters=length, TimeoutInMinutes=5, OnFailure="ROLLBACK"
    )["StackId"]
    cfn.get_waiter("stack_create_complete").wait(StackName="words", WaiterConfig=SOON)
    seen["created"] = cfn.describe_stacks(StackName="words")["Stacks"][0]
    kept = [{"ParameterKey": "Length", "ParameterValue": "20"}]
    cfn.update_stack(StackName=arn, UsePreviousTemplate=True, Parameters=kept)
    cfn.get_waiter("stack_update_complete").wait(StackName=arn, WaiterConfig=SOON)
    seen["updated"] = cfn.describe_stacks(StackName=arn)["Stacks"][0]["Outputs"]
    seen["events"] = [
        each["ResourceStatus"] for each in cfn.describe_stack_events(StackName="words")["StackEvents"]
    ]
    seen["detail"] = cfn.describe_stack_resource(StackName="words", LogicalResourceId="Word")[
        "StackResourceDetail"
    ]
    physical = seen["detail"]["PhysicalResourceId"]
    found = cfn.describe_stack_resources(PhysicalResourceId=physical)["StackResources"]
    seen["by_physical_id"] = [each["LogicalResourceId"] for each in found]
    listed = cfn.list_stack_resources(StackName="words")["StackResourceSummaries"]
    seen["listed"] = [each["LogicalResourceId"] for each in listed]
    seen["template"] = list(cfn.get_template(StackName="words")["TemplateBody"]["Resources"])
    seen["codes"] = {
        "again": code_of(cfn.create_stack, StackName="words", TemplateBody=TEMPLATE),
        "broken": code_of(cfn.create_stack, StackName="broken", TemplateBody="{"),
        "absent": code_of(cfn.describe_stacks, StackName="absent"),
        "no update": code_of(cfn.cancel_update_stack, StackName="words"),
        "unknown action": code_of(cfn.list_exports),
        "wrong secret": code_of(client(endpoint, access, "wrong").list_stacks),
        "unknown key": code_of(client(endpoint, "nobody", secret).list_stacks),
    }
    cfn.delete_stack(StackName="words")
    cfn.get_waiter("stack_delete_complete").wait(StackName="words", WaiterConfig=SOON)
    seen["left"] = [each["StackName"] for each in cfn.list_stacks()["StackSummaries"]]
    print(json.dumps(seen, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
