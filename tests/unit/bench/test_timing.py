"""What the bench of blocks keeps of a run, to send it again."""

from __future__ import annotations

from bench.timing import kept, replayed


def test_requests_are_sent_again_for_another_execution_bytes_and_all():
    sent = [("PutItem", {"Item": {"pk": {"S": "t#one#init"}, "u_task": {"B": b"\x00\xff"}, "n": {"N": "1"}}})]
    again = [["PutItem", {"Item": {"pk": {"S": "t#other#init"}, "u_task": {"B": b"\x00\xff"}, "n": {"N": "1"}}}]]
    assert replayed(kept(sent), "one", "other") == again
