"""bench.messages: what is written is read back as it was."""

import io
import math

import pytest
from bench_fakes import result_of

from bench.catalogue import find, names
from bench.messages import Done, Failed, Job, Progress, read_job, read_report, write
from bench.sweep import TrialResult, trials
from host.quantities import Size


@pytest.mark.parametrize("name", names())
def test_jobs(name: str) -> None:
    stream = io.BytesIO()
    jobs = [Job(trial, "folder") for trial in trials(find(name))]
    for job in jobs:
        write(stream, job)
    stream.seek(0)
    assert [read_job(stream) for _ in jobs] == jobs
    assert read_job(stream) is None


def test_reports() -> None:
    result = result_of(trials(find("quick"))[0])
    reports = [Progress(0.25), Done(result), Failed("a line", "details")]
    stream = io.BytesIO()
    for report in reports:
        write(stream, report)
    stream.seek(0)
    assert read_report(stream) == reports[0]
    done = read_report(stream)
    assert isinstance(done, Done)
    assert done.result.run == result.run
    assert math.isnan(done.result.nodes[0].pop("finish_s"))
    assert done.result.nodes[1] == result.nodes[1]
    assert read_report(stream) == reports[2]
    assert read_report(stream) is None


def test_a_message_cut_short_is_the_end() -> None:
    stream = io.BytesIO()
    write(stream, Progress(0.25))
    for length in range(len(stream.getvalue())):
        assert read_report(io.BytesIO(stream.getvalue()[:length])) is None


def test_results_hold_plain_numbers_only() -> None:
    stream = io.BytesIO()
    write(stream, Done(TrialResult({"file_bytes": Size(5)}, [], [], [])))
    stream.seek(0)
    done = read_report(stream)
    assert isinstance(done, Done)
    assert done.result.run == {"file_bytes": 5}
    with pytest.raises(TypeError, match=r"a result holds <object .*; expected numbers and text"):
        write(stream, Done(TrialResult({"file_bytes": object()}, [], [], [])))
