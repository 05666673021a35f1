"""Every supported operation through boto3; prints one line per check and ends with the number of checks."""

import sys
import time

import boto3
from botocore.exceptions import ClientError

client = boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name="us-east-1")
checks = 0


def check(truth, what):
    global checks
    assert truth, what
    checks += 1
    print("fine:", what)


def refused(exception, call, what):
    try:
        call()
    except exception as error:
        assert isinstance(error, ClientError)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        check(True, what)
    else:
        check(False, what)


created = client.create_secret(Name="boto/one", SecretString="first", Tags=[{"Key": "a", "Value": "b"}])
check(created["Name"] == "boto/one", "create_secret")
again = client.create_secret(
    Name="boto/one", SecretString="first", ClientRequestToken=created["VersionId"], Tags=[{"Key": "a", "Value": "b"}]
)
check(again["VersionId"] == created["VersionId"], "create_secret with the same token is the same secret")
read = client.get_secret_value(SecretId=created["ARN"])
check(read["SecretString"] == "first" and read["VersionStages"] == ["AWSCURRENT"], "get_secret_value")
check(read["CreatedDate"].tzinfo is not None, "dates are dates")
client.put_secret_value(SecretId="boto/one", SecretBinary=bytes(range(256)))
check(client.get_secret_value(SecretId="boto/one")["SecretBinary"] == bytes(range(256)), "put_secret_value of bytes")
client.update_secret(SecretId="boto/one", Description="described", SecretString="third")
check(client.describe_secret(SecretId="boto/one")["Description"] == "described", "update_secret, describe_secret")
versions = client.list_secret_version_ids(SecretId="boto/one", IncludeDeprecated=True)["Versions"]
check(len(versions) == 3, "list_secret_version_ids")

refused(client.exceptions.ResourceNotFoundException, lambda: client.get_secret_value(SecretId="boto/none"), "not found")
refused(
    client.exceptions.ResourceExistsException,
    lambda: client.create_secret(Name="boto/one", SecretString="other"),
    "exists",
)
refused(
    client.exceptions.InvalidParameterException,
    lambda: client.delete_secret(SecretId="boto/one", RecoveryWindowInDays=3),
    "invalid parameter",
)
refused(client.exceptions.InvalidRequestException, lambda: client.rotate_secret(SecretId="boto/one"), "invalid request")

for number in range(5):
    client.create_secret(Name="boto-page/%d" % number, SecretString="x")
pages = client.get_paginator("list_secrets").paginate(
    Filters=[{"Key": "name", "Values": ["boto-page/"]}], PaginationConfig={"PageSize": 2}
)
sizes = [len(page["SecretList"]) for page in pages]
check(sizes == [2, 2, 1], "the paginator of list_secrets")

client.tag_resource(SecretId="boto/one", Tags=[{"Key": "c", "Value": "d"}])
client.untag_resource(SecretId="boto/one", TagKeys=["a"])
check(client.describe_secret(SecretId="boto/one")["Tags"] == [{"Key": "c", "Value": "d"}], "tag and untag_resource")

current = client.get_secret_value(SecretId="boto/one")["VersionId"]
client.update_secret_version_stage(
    SecretId="boto/one",
    VersionStage="AWSCURRENT",
    MoveToVersionId=created["VersionId"],
    RemoveFromVersionId=current,
)
check(client.get_secret_value(SecretId="boto/one")["SecretString"] == "first", "update_secret_version_stage")

client.create_secret(Name="boto/rotated", SecretString="old")
begun = client.rotate_secret(
    SecretId="boto/rotated",
    RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:rekey-random-value",
    RotationRules={"ScheduleExpression": "rate(30 days)", "Duration": "2h"},
)
deadline = time.monotonic() + 60
while client.get_secret_value(SecretId="boto/rotated")["VersionId"] != begun["VersionId"]:
    assert time.monotonic() < deadline, "rotate_secret"
    time.sleep(0.05)
check(client.get_secret_value(SecretId="boto/rotated")["SecretString"] != "old", "rotate_secret")
client.cancel_rotate_secret(SecretId="boto/rotated")
check(client.describe_secret(SecretId="boto/rotated")["RotationEnabled"] is False, "cancel_rotate_secret")

client.delete_secret(SecretId="boto/one", RecoveryWindowInDays=7)
refused(
    client.exceptions.InvalidRequestException, lambda: client.get_secret_value(SecretId="boto/one"), "marked for deletion"
)
client.restore_secret(SecretId="boto/one")
check(client.get_secret_value(SecretId="boto/one")["SecretString"] == "first", "delete and restore_secret")

password = client.get_random_password(PasswordLength=32, ExcludePunctuation=True)["RandomPassword"]
check(len(password) == 32 and password.isalnum(), "get_random_password")
print("checks:", checks)
