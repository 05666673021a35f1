"""AWS's caching library for Python: reads through its cache, follows a change after its refresh, fills arguments in."""

import time

import botocore.session
from aws_secretsmanager_caching import InjectKeywordedSecretString, InjectSecretString, SecretCache, SecretCacheConfig

client = botocore.session.get_session().create_client("secretsmanager")
client.create_secret(Name="cached/text", SecretString="first")
client.create_secret(Name="cached/json", SecretString='{"username": "u", "password": "p"}')
client.create_secret(Name="cached/bytes", SecretBinary=b"\x00\xff")
checks = 0


def check(truth, what):
    global checks
    assert truth, what
    checks += 1
    print("fine:", what)


cache = SecretCache(config=SecretCacheConfig(secret_refresh_interval=1), client=client)
check(cache.get_secret_string("cached/text") == "first", "get_secret_string")
check(cache.get_secret_binary("cached/bytes") == b"\x00\xff", "get_secret_binary")

client.put_secret_value(SecretId="cached/text", SecretString="second")
deadline = time.monotonic() + 60
while cache.get_secret_string("cached/text") != "second":
    assert time.monotonic() < deadline, "the cache never saw the change"
    time.sleep(0.1)
check(True, "a change is seen after the refresh interval")
check(cache.get_secret_string("cached/text", version_stage="AWSPREVIOUS") == "first", "a version by its label")


@InjectKeywordedSecretString(secret_id="cached/json", cache=cache, name="username", word="password")
def keyworded(name, word):
    return name + word


@InjectSecretString("cached/text", cache)
def positional(text):
    return text


check(keyworded() == "up", "InjectKeywordedSecretString")
check(positional() == "second", "InjectSecretString")
print("checks:", checks)
