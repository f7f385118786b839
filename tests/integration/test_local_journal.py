"""The local stack's data outlive its process, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import Aws
from local.template import load

ROOT = Path(__file__).parents[2]
CORE, BUCKET = "silvercup-local-core", "silvercup-local-data"

WRITER = """
import sys, threading
from pathlib import Path
from local.aws import Aws
from local.template import load

aws = Aws(load(), Path(sys.argv[1]))
aws.start()
lock = threading.Lock()

def say(*words):
    with lock:
        print(*words, flush=True)

def write(number):
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    for version in range(1, 100000):
        text = str(version)
        dynamodb.put_item(TableName="silvercup-local-core", Item={"pk": {"S": f"put{number}"}, "v": {"N": text}})
        say("put", number, version)
        dynamodb.update_item(TableName="silvercup-local-runs", Key={"pk": {"S": f"add{number}"}},
            UpdateExpression="ADD v :one", ExpressionAttributeValues={":one": {"N": "1"}})
        say("add", number, version)
        s3.put_object(Bucket="silvercup-local-data", Key=f"object{number}", Body=text.encode() * 100)
        say("s3", number, version)

for number in range(4):
    threading.Thread(target=write, args=(number,), daemon=True).start()
threading.Event().wait()
"""


def acknowledged(output: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for line in output.splitlines(keepends=True):
        if line.endswith("\n"):
            kind, number, version = line.split()
            found[kind, number] = int(version)
    return found


def test_kill_9_under_load_loses_no_acknowledged_write(tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/core'}"}
    for _ in range(2):
        with log.open("w") as output:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, str(state)], stdout=output, env=env, cwd=ROOT)
            deadline = time.monotonic() + 60
            while len(log.read_text().splitlines()) < 200:
                assert writer.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
    known = acknowledged(log.read_text())
    assert len(known) == 12
    with Aws(load(), state) as aws:
        dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
        for (kind, number), version in known.items():
            if kind == "put":
                item = dynamodb.get_item(TableName=CORE, Key={"pk": {"S": f"put{number}"}})["Item"]
                assert version <= int(item["v"]["N"]) <= version + 1
            elif kind == "add":
                item = dynamodb.get_item(TableName="silvercup-local-runs", Key={"pk": {"S": f"add{number}"}})["Item"]
                assert int(item["v"]["N"]) > version  # the first run's are in it, too
            else:
                body = s3.get_object(Bucket=BUCKET, Key=f"object{number}")["Body"].read()
                assert version <= int(body[: len(body) // 100]) <= version + 1


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def aws(state: Path) -> Iterator[Aws]:
    with Aws(load(), state) as made:
        yield made


EVERYTHING: dict[str, Any] = {
    "pk": {"S": "all"},
    "text": {"S": "é\u2028"},
    "number": {"N": "123456789012345678901234567890.5"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "names": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "blobs": {"BS": [b"\x01", b"\x02"]},
    "list": {"L": [{"M": {"deep": {"B": b"\x03"}}}, {"L": []}, {"N": "1"}]},
}


def sorted_sets(item: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {kind: sorted(value) if kind in {"SS", "NS", "BS"} else value for kind, value in typed.items()}
        for name, typed in item.items()
    }


def test_every_kind_of_item_change_comes_back(state: Path) -> None:
    with Aws(load(), state) as aws:
        dynamodb = aws.client("dynamodb")
        dynamodb.put_item(TableName=CORE, Item=EVERYTHING)
        dynamodb.put_item(TableName=CORE, Item={"pk": {"S": "changed"}, "set": {"SS": ["a"]}, "former": {"S": "x"}})
        dynamodb.update_item(
            TableName=CORE,
            Key={"pk": {"S": "changed"}},
            UpdateExpression="SET a = if_not_exists(a, :one) REMOVE former ADD #s :b",
            ExpressionAttributeNames={"#s": "set"},
            ExpressionAttributeValues={":one": {"N": "1"}, ":b": {"SS": ["b"]}},
        )
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            dynamodb.put_item(
                TableName=CORE, Item={"pk": {"S": "changed"}}, ConditionExpression="attribute_not_exists(pk)"
            )
        for name in ("gone", "gone too", "gone at last"):
            dynamodb.put_item(TableName=CORE, Item={"pk": {"S": name}})
        dynamodb.delete_item(TableName=CORE, Key={"pk": {"S": "gone"}})
        batch = [
            {"PutRequest": {"Item": {"pk": {"S": "batched"}}}},
            {"DeleteRequest": {"Key": {"pk": {"S": "gone too"}}}},
        ]
        dynamodb.batch_write_item(RequestItems={CORE: batch})
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": CORE, "Item": {"pk": {"S": "transacted"}}}},
                {"Delete": {"TableName": CORE, "Key": {"pk": {"S": "gone at last"}}}},
                {
                    "ConditionCheck": {
                        "TableName": CORE,
                        "Key": {"pk": {"S": "all"}},
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ]
        )
    with Aws(load(), state) as aws:
        items = {item["pk"]["S"]: sorted_sets(item) for item in aws.client("dynamodb").scan(TableName=CORE)["Items"]}
    assert items == {
        "all": sorted_sets(EVERYTHING),
        "changed": {"pk": {"S": "changed"}, "a": {"N": "1"}, "set": {"SS": ["a", "b"]}},
        "batched": {"pk": {"S": "batched"}},
        "transacted": {"pk": {"S": "transacted"}},
    }


def test_indexes_and_conditions_work_on_what_came_back(state: Path) -> None:
    with Aws(load(), state) as aws:
        for number in range(3):
            item = {
                "pk": {"S": f"k{number}"},
                "ix": {"S": "t#task"},
                "created": {"S": f"2026-0{number + 1}"},
                "id": {"S": f"{number}"},
            }
            aws.client("dynamodb").put_item(TableName=CORE, Item=item)
    with Aws(load(), state) as aws:
        dynamodb = aws.client("dynamodb")
        page = dynamodb.query(
            TableName=CORE,
            IndexName="by_created",
            KeyConditionExpression="ix = :ix",
            ExpressionAttributeValues={":ix": {"S": "t#task"}},
            ScanIndexForward=False,
            Limit=2,
        )
        assert [item["id"]["S"] for item in page["Items"]] == ["2", "1"]
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            dynamodb.put_item(TableName=CORE, Item={"pk": {"S": "k1"}}, ConditionExpression="attribute_not_exists(pk)")


def test_every_kind_of_object_change_comes_back(state: Path) -> None:
    with Aws(load(), state) as aws:
        s3 = aws.client("s3")
        s3.put_object(Bucket=BUCKET, Key="a/é b+c", Body=b"one", ContentType="application/json", Metadata={"who": "me"})
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a/é b+c"})
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts", ContentType="text/plain")["UploadId"]
        parts = [
            s3.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=n + 1, Body=body)["ETag"]
            for n, body in enumerate([b"x" * 5_300_000, b"end"])
        ]
        s3.complete_multipart_upload(
            Bucket=BUCKET,
            Key="parts",
            UploadId=upload,
            MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": n + 1} for n, tag in enumerate(parts)]},
        )
        unfinished = s3.create_multipart_upload(Bucket=BUCKET, Key="unfinished")["UploadId"]
        s3.upload_part(Bucket=BUCKET, Key="unfinished", UploadId=unfinished, PartNumber=1, Body=b"x")
        for name in ("one", "two <&>", "three"):
            s3.put_object(Bucket=BUCKET, Key=name, Body=b"")
        s3.delete_object(Bucket=BUCKET, Key="one")
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "two <&>"}, {"Key": "never"}]})
    with Aws(load(), state) as aws:
        s3 = aws.client("s3")
        assert sorted(found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == [
            "a/é b+c",
            "copy",
            "parts",
            "three",
        ]
        first = s3.get_object(Bucket=BUCKET, Key="a/é b+c")
        assert (first["Body"].read(), first["ContentType"], first["Metadata"]) == (
            b"one",
            "application/json",
            {"who": "me"},
        )
        assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == b"one"
        parts_object = s3.get_object(Bucket=BUCKET, Key="parts")
        assert (parts_object["Body"].read(), parts_object["ContentType"]) == (b"x" * 5_300_000 + b"end", "text/plain")


def test_items_whose_time_is_over_are_left_out(state: Path) -> None:
    with Aws(load(), state) as aws:
        for name, seconds in (("over", -5), ("alive", 600)):
            aws.client("dynamodb").put_item(
                TableName=CORE, Item={"pk": {"S": name}, "expires": {"N": str(int(time.time()) + seconds)}}
            )
    for _ in range(2):
        with Aws(load(), state) as aws:
            assert [item["pk"]["S"] for item in aws.client("dynamodb").scan(TableName=CORE)["Items"]] == ["alive"]


def test_the_signing_secret_stays_and_only_its_owner_reads_it(state: Path) -> None:
    texts: list[str] = []
    for _ in range(2):
        with Aws(load(), state) as aws:
            texts.append(
                aws.client("secretsmanager").get_secret_value(SecretId="silvercup-local-token")["SecretString"]
            )
    assert texts[0] == texts[1]
    secret = json.loads(texts[0])
    assert secret["current"] == "k1"
    assert len(secret["k1"]) == 64
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_partiql_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match="does not serve PartiQL"):
        aws.client("dynamodb").execute_statement(Statement=f"INSERT INTO \"{CORE}\" VALUE {{'pk': 'x'}}")


def test_when_the_journal_can_not_be_written_nothing_more_is_accepted(aws: Aws) -> None:
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    dynamodb.put_item(TableName=CORE, Item={"pk": {"S": "before"}})
    journal = aws._journal
    assert journal is not None
    journal._connection.execute("PRAGMA query_only = 1")
    for _ in range(2):
        with pytest.raises(ClientError, match="can't be written"):
            dynamodb.put_item(TableName=CORE, Item={"pk": {"S": "after"}})
    with pytest.raises(ClientError, match="can't be written"):
        s3.put_object(Bucket=BUCKET, Key="after", Body=b"")
    assert dynamodb.get_item(TableName=CORE, Key={"pk": {"S": "before"}})["Item"]


def test_without_a_state_directory_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Aws(load()) as aws:
        aws.client("dynamodb").put_item(TableName=CORE, Item={"pk": {"S": "x"}})
    with Aws(load()) as aws:
        assert aws.client("dynamodb").scan(TableName=CORE)["Count"] == 0
    assert list(tmp_path.iterdir()) == []


def test_one_process_has_one_at_a_time(aws: Aws) -> None:
    with pytest.raises(RuntimeError, match="runs a local stack already"):
        Aws(load()).start()
    assert aws.client("dynamodb").list_tables()["TableNames"]


def test_an_object_that_no_row_can_hold_is_refused_and_the_journal_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.front._MAX_JOURNALLED", 1000)
    with Aws(load(), tmp_path) as aws:
        s3 = aws.client("s3")
        s3.put_object(Bucket=BUCKET, Key="fits", Body=b"x" * 100)
        with pytest.raises(ClientError, match="at most 1,000 bytes"):
            s3.put_object(Bucket=BUCKET, Key="large", Body=b"x" * 2000)
        s3.put_object(Bucket=BUCKET, Key="after", Body=b"x" * 100)
    monkeypatch.undo()
    with Aws(load(), tmp_path) as aws:
        names = [one["Key"] for one in aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert sorted(names) == ["after", "fits"]
