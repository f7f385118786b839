"""``silvercup destroy``: take a deployed stack away, with the state machines that were made at run time."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import batched
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

type ClientFactory = Callable[[str], Any]
"""A boto3 client of a service, by its name."""

OURS = frozenset({"CoreTable", "RunsTable", "DocsTable", "DataBucket", "MachineRole"})
"""Resources by which a stack of Silvercup is known."""
_DIGEST = r"[0-9a-f]{32}(-[0-9])?"
"""What follows the stack's name in a state machine's: the digest of its definition, and a number where a name was taken."""
_STACK_SECONDS = 1800
_KEY_DAYS = 7
"""After so many days KMS deletes a key, the earliest that it does."""
_POLL_SECONDS = 5.0
_CAUSE = "the deployment is being destroyed"
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimit|SlowDown")
_LONGEST_PAUSE = 20.0


class NotDestroyed(Exception):
    """Something stands in the way; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A deployed stack, or what was left of it.

    Attributes:
        name: Its name; the state machines' names start with it.
        arn: Its id in CloudFormation.
        deleted: Whether CloudFormation has deleted it before.
        resources: The physical names of its resources, by logical name.
    """

    name: str
    arn: str
    deleted: bool
    resources: Mapping[str, str]


def add_parser(commands: Any) -> None:
    """Add the command to the parser of ``silvercup``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "destroy", help="take a deployed stack away, with the state machines that were made at run time"
    )
    parser.add_argument(
        "--stack", required=True, help="its name in CloudFormation; the AWS credentials are the environment's"
    )
    parser.add_argument(
        "--data", action="store_true", help="delete its tables, its bucket and the key of its secrets too, for ever"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        Destroyer(_client).destroy(options.stack, data=options.data, confirm=None if options.yes else _ask)
    except NotDestroyed as problem:
        print(f"silvercup: {problem}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as problem:
        print(f"silvercup: {problem}; what is gone is gone, call it again for the rest", file=sys.stderr)
        return 1
    return 0


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": 5})
    return cast("Any", boto3.client(service, config=config))  # pyright: ignore[reportUnknownMemberType, reportCallIssue, reportArgumentType]


def _ask(name: str) -> bool:
    if not sys.stdin.isatty():
        raise NotDestroyed("nobody is there to confirm it; add --yes")
    return input(f"Type {name} to go on: ").strip() == name


class Destroyer:
    """Destroys one stack after the other. Every step may be repeated: a call that was broken off is called again."""

    def __init__(
        self,
        client: ClientFactory,
        *,
        say: Callable[[str], None] = print,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take what it works with.

        Args:
            client: Makes AWS clients.
            say: Shows a line of progress.
            sleep: Waits for so many seconds.
        """
        self._client = cache(client)
        self._say = say
        self._sleep = sleep

    def destroy(self, name: str, *, data: bool = False, confirm: Callable[[str], bool] | None = None) -> None:
        """Stop what runs, delete the state machines, the stack, and with ``data`` the tables and the bucket.

        The machines go first, since a machine that runs on would call functions that are gone; and once more when the stack is
        deleted, for those that were made in between.

        Args:
            name: The stack's name.
            data: Whether the data go too.
            confirm: Asked with the name before anything is changed.

        Raises:
            NotDestroyed: There is no such stack, it is not one of Silvercup, it was not confirmed, or CloudFormation failed.
        """
        found = self._find(name)
        machines = self._machines(name)
        self._say(f"stack {name}{' (deleted before)' if found.deleted else ''}, with {len(machines)} state machines")
        kept = [
            found.resources[part]
            for part in ("CoreTable", "RunsTable", "DocsTable", "DataBucket", "SecretsKey")
            if part in found.resources
        ]
        self._say(f"{'deletes its data for ever' if data else 'keeps its data'}: {', '.join(kept) or 'none are left'}")
        if confirm and not confirm(name):
            raise NotDestroyed("not confirmed; nothing was changed")
        self._delete_machines(machines)
        if not found.deleted:
            self._delete_stack(found)
            self._delete_machines(self._machines(name))
        self._delete_logs(found.resources)
        if data:
            self._delete_data(found.resources)
        elif kept:
            self._say(f"kept: {', '.join(kept)}; silvercup destroy --stack {name} --data deletes them")
        self._say(f"{name} is destroyed")

    # ---- the stack

    def _find(self, name: str) -> Found:
        formation = self._client("cloudformation")
        stack = self._newest(formation, name)
        if stack is None:
            raise NotDestroyed(
                f"there is no stack {name!r} in {formation.meta.region_name}, and none was deleted lately"
            )
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
        resources = {
            str(part["LogicalResourceId"]): str(part.get("PhysicalResourceId", ""))
            for page in pages
            for part in page["StackResourceSummaries"]
        }
        if not resources.keys() >= OURS:
            raise NotDestroyed(
                f"{name!r} is no stack of Silvercup: it lacks {', '.join(sorted(OURS - resources.keys()))}"
            )
        return Found(name, stack["StackId"], stack["StackStatus"] == "DELETE_COMPLETE", resources)

    @staticmethod
    def _newest(formation: Any, name: str) -> Any:
        try:
            return formation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
        pages = formation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
        gone = [stack for page in pages for stack in page["StackSummaries"] if stack["StackName"] == name]
        return max(gone, key=lambda stack: stack["CreationTime"], default=None)

    def _delete_stack(self, found: Found) -> None:
        formation = self._client("cloudformation")
        formation.delete_stack(StackName=found.arn)
        shown, waited = "", 0.0
        while True:
            stack = formation.describe_stacks(StackName=found.arn)["Stacks"][0]
            status = str(stack["StackStatus"])
            if status != shown:
                self._say(f"CloudFormation: {status}")
                shown = status
            if status == "DELETE_COMPLETE":
                return
            if status == "DELETE_FAILED" or waited > _STACK_SECONDS:
                why = stack.get("StackStatusReason", "its events in CloudFormation say why")
                raise NotDestroyed(f"CloudFormation did not delete {found.name}: {why}")
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS

    # ---- state machines

    def _machines(self, name: str) -> list[str]:
        """The ARNs of the machines of this stack, and of no other whose name starts with the same letters."""
        ours = re.compile(f"{re.escape(name)}-{_DIGEST}")
        listed = self._pages("list_state_machines", "stateMachines")
        return [str(machine["stateMachineArn"]) for machine in listed if ours.fullmatch(machine["name"])]

    def _delete_machines(self, machines: list[str]) -> None:
        states = self._client("stepfunctions")
        stopped = 0
        for count, arn in enumerate(machines, 1):
            for run in list(self._pages("list_executions", "executions", stateMachineArn=arn, statusFilter="RUNNING")):
                self._patiently(states.stop_execution, executionArn=run["executionArn"], cause=_CAUSE)
                stopped += 1
            self._patiently(states.delete_state_machine, stateMachineArn=arn)
            if count % 50 == 0 or count == len(machines):
                self._say(f"deleted {count} of {len(machines)} state machines, stopped {stopped} executions")

    def _pages(self, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        states = self._client("stepfunctions")
        token: str | None = None
        while True:
            more = {"nextToken": token} if token else {}
            try:
                page = self._patiently(getattr(states, operation), maxResults=1000, **arguments, **more)
            except states.exceptions.StateMachineDoesNotExist:
                return
            yield from page[key]
            token = page.get("nextToken")
            if not token:
                return

    def _patiently(self, call: Callable[..., Any], **arguments: Any) -> Any:
        """Call, for as long as the service says that it is asked too often (it deletes about one machine a second)."""
        pause = 1.0
        while True:
            try:
                return call(**arguments)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code"))
                if code == "ExecutionDoesNotExist":
                    return None
                if not _THROTTLED.search(code):
                    raise
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    # ---- logs

    def _delete_logs(self, resources: Mapping[str, str]) -> None:
        """Delete log groups that functions made again while the stack went: those would be kept for ever."""
        logs = self._client("logs")
        for part, name in resources.items():
            if not part.endswith("Logs"):
                continue
            try:
                logs.delete_log_group(logGroupName=name)
                self._say(f"deleted the log group {name}, which was made again")
            except logs.exceptions.ResourceNotFoundException:
                continue

    # ---- data

    def _delete_data(self, resources: Mapping[str, str]) -> None:
        tables = self._client("dynamodb")
        for table in (resources["CoreTable"], resources["RunsTable"], resources["DocsTable"]):
            try:
                tables.delete_table(TableName=table)
                self._say(f"deleted the table {table}")
            except tables.exceptions.ResourceNotFoundException:
                self._say(f"the table {table} is gone already")
        self._delete_bucket(resources["DataBucket"])
        if key := resources.get("SecretsKey"):
            self._delete_key(key)

    def _delete_key(self, key: str) -> None:
        keys = self._client("kms")
        try:
            keys.schedule_key_deletion(KeyId=key, PendingWindowInDays=_KEY_DAYS)
            self._say(f"the key {key} is deleted in {_KEY_DAYS} days; aws kms cancel-key-deletion keeps it")
        except (keys.exceptions.NotFoundException, keys.exceptions.KMSInvalidStateException):
            self._say(f"the key {key} is gone already")

    def _delete_bucket(self, bucket: str) -> None:
        store = self._client("s3")
        try:
            deleted = 0
            for some in batched(self._objects(store, bucket), 1000):
                answer = store.delete_objects(Bucket=bucket, Delete={"Objects": list(some), "Quiet": True})
                if failed := answer.get("Errors"):
                    raise NotDestroyed(f"S3 kept {len(failed)} objects of {bucket}: {failed[0].get('Message')}")
                deleted += len(some)
                self._say(f"deleted {deleted} objects")
            store.delete_bucket(Bucket=bucket)
            self._say(f"deleted the bucket {bucket}")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchBucket":
                raise
            self._say(f"the bucket {bucket} is gone already")

    @staticmethod
    def _objects(store: Any, bucket: str) -> Iterable[dict[str, str]]:
        for page in store.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield {"Key": version["Key"], "VersionId": version["VersionId"]}
