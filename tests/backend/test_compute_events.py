"""What the scheduler noted becomes events on the bus, once each, and metrics."""

from backend.changes import ClusterEvent, _noticed
from cluster_ai.compute.types import ComputeView, NoticeView


def picture(*notices: NoticeView, started_at: float = 5.0) -> ComputeView:
    return ComputeView(reachable=True, address="tcp://127.0.0.1:1", started_at=started_at, notices=notices)


def notice(number: int, kind: str, *, count: int = 1) -> NoticeView:
    return NoticeView(number=number, at=100.0 + number, kind=kind, subject=f"s{number}", detail="why", count=count)


def told(before: ComputeView, after: ComputeView) -> list[ClusterEvent]:
    return list(_noticed(before, after))


def test_each_notice_is_told_once() -> None:
    before = picture(notice(1, "worker.lost"))
    after = picture(notice(1, "worker.lost"), notice(2, "worker.refused"), notice(3, "task.erred", count=7))
    assert told(before, after) == [
        ClusterEvent(at=102.0, kind="worker.refused", subject="s2", after="why"),
        ClusterEvent(at=103.0, kind="task.erred", subject="s3", after="7: why"),
    ]
    assert told(after, after) == []


def test_that_workers_come_and_go_is_told_by_their_state_alone() -> None:
    assert told(picture(), picture(notice(1, "worker.added"), notice(2, "worker.left"))) == []


def test_another_life_of_the_scheduler_numbers_anew() -> None:
    old = picture(*(notice(number, "worker.lost") for number in range(1, 9)))
    new = picture(notice(1, "worker.lost"), started_at=9.0)
    assert [event.subject for event in told(old, new)] == ["s1"]


def test_what_was_before_the_first_picture_is_no_news() -> None:
    away = ComputeView(reachable=False, address="", error="connection refused")
    assert told(away, picture(notice(1, "worker.lost"))) == []
