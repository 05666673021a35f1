"""IAM, STS and batches through boto3 as its users write it: endpoints and keys come from the environment."""

import json
import os

import boto3
from botocore.exceptions import ClientError

# Versions before AWS_ENDPOINT_URL was known take the endpoint as an argument.
where = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]} if boto3.__version__ < "1.28" else {}
iam = boto3.client("iam", **where)
sts = boto3.client("sts", **where)
secrets = boto3.client("secretsmanager", **where)
checks = 0


def check(truth, what):
    global checks
    assert truth, what
    checks += 1
    print("fine:", what)


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def as_holder(credentials, service):
    return boto3.client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
        **where,
    )


reading = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
secrets.create_secret(Name="access/one", SecretString="the value")

user = iam.create_user(UserName="boto-user", Path="/boto/", Tags=[{"Key": "team", "Value": "shop"}])["User"]
check(iam.get_user(UserName="boto-user")["User"]["Arn"] == user["Arn"], "create_user, get_user")
policy = iam.create_policy(PolicyName="boto-read", PolicyDocument=document(reading))["Policy"]
version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
check(version["Document"]["Statement"] == [reading], "create_policy, get_policy_version: the document is parsed")
iam.attach_user_policy(UserName="boto-user", PolicyArn=policy["Arn"])
attached = iam.list_attached_user_policies(UserName="boto-user")["AttachedPolicies"]
check(attached == [{"PolicyName": "boto-read", "PolicyArn": policy["Arn"]}], "attach_user_policy")
key = iam.create_access_key(UserName="boto-user")["AccessKey"]
as_user = as_holder(key, "secretsmanager")
check(as_user.get_secret_value(SecretId="access/one")["SecretString"] == "the value", "a user's key reads")
try:
    as_user.put_secret_value(SecretId="access/one", SecretString="x")
except ClientError as error:
    check(error.response["Error"]["Code"] == "AccessDeniedException", "and does not write")
check([u["UserName"] for p in iam.get_paginator("list_users").paginate() for u in p["Users"]] == ["boto-user"], "list_users")
try:
    iam.get_user(UserName="nobody")
except iam.exceptions.NoSuchEntityException:
    check(True, "NoSuchEntityException arrives typed")

trust = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}
role = iam.create_role(RoleName="boto-role", AssumeRolePolicyDocument=document(trust), MaxSessionDuration=7200)["Role"]
iam.put_role_policy(RoleName="boto-role", PolicyName="read", PolicyDocument=document(reading))
check(iam.get_role(RoleName="boto-role")["Role"]["MaxSessionDuration"] == 7200, "create_role, get_role")
assumed = as_holder(key, "sts").assume_role(RoleArn=role["Arn"], RoleSessionName="boto", DurationSeconds=900)
session = assumed["Credentials"]
check(
    as_holder(session, "sts").get_caller_identity()["Arn"].endswith(":assumed-role/boto-role/boto"),
    "assume_role, get_caller_identity",
)
check(as_holder(session, "secretsmanager").get_secret_value(SecretId="access/one")["SecretString"] == "the value", "a session reads")

iam.delete_access_key(UserName="boto-user", AccessKeyId=key["AccessKeyId"])
try:
    as_user.get_secret_value(SecretId="access/one")
except ClientError as error:
    check(error.response["Error"]["Code"] == "UnrecognizedClientException", "a deleted key opens nothing")
print("checks:", checks)
