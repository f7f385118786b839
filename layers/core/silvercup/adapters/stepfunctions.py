"""State machines in AWS Step Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from silvercup import values
from silvercup.adapters.aws import Refused, call
from silvercup.errors import InternalError
from silvercup.executions.machines import MachineMissing
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import TagTypeDef

STACK_TAG = "silvercup:stack"
"""The tag of a machine that names its deployment, for bills and searches."""
LONGEST_ERROR = 256
"""Characters of an error's name that the service takes."""
LONGEST_CAUSE = 32_768
"""Characters of a cause that the service takes."""
GONE = frozenset({"StateMachineDoesNotExist", "StateMachineDeleting"})
TOKEN_SPENT = frozenset({"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"})


class StepFunctionsMachines:
    """``silvercup.executions.machines.Machines`` over a Step Functions client.

    Machines and executions are named by the caller in full (at most 80 characters); machines are of the STANDARD type.
    """

    def __init__(self, client: SFNClient, *, role_arn: str, function_arn: str, stack: str = "") -> None:
        """Take a client.

        Args:
            client: A Step Functions client.
            role_arn: The role that machines run under.
            function_arn: Any Lambda function of the deployment; it names the partition, region and account.
            stack: The deployment's name, with which machines are tagged (empty: they are not).
        """
        self._client = client
        self._role_arn = role_arn
        self._function_arn = function_arn
        self._tags: list[TagTypeDef] = [{"key": STACK_TAG, "value": stack}] if stack else []

    def arn_of(self, name: str) -> str:
        """See ``Machines.arn_of``.

        Raises:
            InternalError: The deployment has no ARN of the steps function to take account and region from.
        """
        parts = self._function_arn.split(":")
        if len(parts) < 6 or parts[2] != "lambda":
            raise InternalError(
                f"SILVERCUP_STEPS_ARN is {self._function_arn!r}; it must be the ARN of the steps function"
            )
        _, partition, _, region, account, *_ = parts
        return f"arn:{partition}:states:{region}:{account}:stateMachine:{name}"

    def create(self, name: str, definition: str) -> str:
        """See ``Machines.create``; the service allows about one a second."""
        try:
            answer = call(
                self._client.create_state_machine,
                name=name,
                definition=definition,
                roleArn=self._role_arn,
                type="STANDARD",
                tags=self._tags,
            )
        except Refused as refused:
            raise _missing(refused, name) from None
        return answer["stateMachineArn"]

    def start(self, machine_arn: str, name: str, pointer: JsonObject) -> str:
        """See ``Machines.start``; a taken name counts as started, whatever its pointer."""
        try:
            answer = call(
                self._client.start_execution, stateMachineArn=machine_arn, name=name, input=values.dumps(pointer)
            )
        except Refused as refused:
            if refused.aws_code == "ExecutionAlreadyExists":
                return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
            raise _missing(refused, machine_arn) from None
        return answer["executionArn"]

    def status(self, execution_arn: str) -> str | None:
        """See ``Machines.status``; the service allows about 15 a second."""
        try:
            return call(self._client.describe_execution, executionArn=execution_arn)["status"]
        except Refused as refused:
            if refused.aws_code == "ExecutionDoesNotExist":
                return None
            raise

    def stop(self, execution_arn: str, cause: str) -> None:
        """See ``Machines.stop``."""
        try:
            call(self._client.stop_execution, executionArn=execution_arn, cause=cause[:LONGEST_CAUSE])
        except Refused as refused:
            if refused.aws_code != "ExecutionDoesNotExist":
                raise

    def succeed(self, token: str, output: JsonObject) -> bool:
        """See ``Machines.succeed``; when an answer was lost and the request sent again, it says False though it worked."""
        try:
            call(self._client.send_task_success, taskToken=token, output=values.dumps(output))
        except Refused as refused:
            return _spent(refused)
        return True

    def fail(self, token: str, error: str, cause: str) -> bool:
        """See ``Machines.fail``."""
        try:
            call(
                self._client.send_task_failure,
                taskToken=token,
                error=error[:LONGEST_ERROR],
                cause=cause[:LONGEST_CAUSE],
            )
        except Refused as refused:
            return _spent(refused)
        return True


def _missing(refused: Refused, machine: str) -> MachineMissing | Refused:
    if refused.aws_code in GONE:
        return MachineMissing(f"There is no state machine {machine} ({refused.aws_code})")
    return refused


def _spent(refused: Refused) -> bool:
    if refused.aws_code in TOKEN_SPENT:
        return False
    raise refused
