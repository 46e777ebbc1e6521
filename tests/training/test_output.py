"""What a run prints may get lost; the run does not."""

import errno
import io
import logging as standard_logging
import os
import subprocess
import sys

import pytest

from seed_matrace.training.output import SteadyLogFile, steady_output


class Failing(io.StringIO):
    """A stream that fails as it is told, so often."""

    def __init__(self, error, times=10**9):
        super().__init__()
        self.error, self.times = error, times

    def write(self, text):
        if self.times > 0:
            self.times -= 1
            raise self.error
        return super().write(text)

    def flush(self):
        if self.times > 0:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("I/O operation on closed file"),
    ],
    ids=["pipe", "terminal", "disk", "closed"],
)
def test_print_never_fails_and_its_loss_is_said_once(monkeypatch, caplog, error):
    monkeypatch.setattr(sys, "stdout", Failing(error))
    with steady_output():
        for _ in range(3):
            print("a line", flush=True)
        sys.stdout.writelines(["another\n"])
        sys.stdout.flush()
    (said,) = [text for text in caplog.messages if "cannot be written" in text]
    assert said.startswith("standard output cannot be written (")
    assert str(error).rpartition("] ")[2] in said


def test_what_is_printed_once_there_is_space_again_is_kept(monkeypatch):
    stream = Failing(OSError(errno.ENOSPC, "No space left on device"), times=1)
    monkeypatch.setattr(sys, "stdout", stream)
    with steady_output():
        print("lost")
        print("kept")
        assert sys.stdout.getvalue().strip() == "kept"
    assert sys.stdout is stream


def test_letters_that_a_terminal_does_not_have_are_spelt_out(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with steady_output():
        print("3m · skirmish")
    assert written.getvalue() == b"3m \\xb7 skirmish\n"


PROGRAM = """
import sys
from seed_matrace.training.output import steady_output
with steady_output():
    for _ in range(20000):
        print("a line")
    print("the end", file=sys.stderr)
sys.exit(3)
"""


def test_program_whose_reader_has_gone_ends_as_it_would_have(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait(60) == 3
    assert "Traceback" not in said
    assert "Exception" not in said
    assert said.endswith("the end\n")


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_program_without_standard_files_ends_as_it_would_have(closed):
    command = f'exec "$0" -c "$1" {closed}'
    result = subprocess.run(["/bin/sh", "-c", command, sys.executable, PROGRAM], capture_output=True, text=True)
    assert result.returncode == 3
    assert "Traceback" not in result.stderr


def test_command_ends_quietly_when_nobody_reads_on():
    reader, writer = os.pipe()
    os.close(reader)
    command = '"$0" -m seed_matrace --help; echo "$?" >&2'
    result = subprocess.run(
        ["/bin/bash", "-c", command, sys.executable], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert result.stderr == "141\n"


def test_log_file_misses_lines_while_there_is_no_space_and_counts_them(tmp_path, capsys):
    log = SteadyLogFile(tmp_path / "learner.log")
    logger = standard_logging.Logger("a run")
    logger.addHandler(log)
    own, log.stream = log.stream, open("/dev/full", "w")  # noqa: SIM115
    for _ in range(3):
        logger.warning("a line")
    assert capsys.readouterr().err.count("No space left on device") == 1
    log.stream = own
    logger.warning("a line again")
    log.close()
    assert "a line again" in (tmp_path / "learner.log").read_text()


def test_log_file_on_a_full_disk_closes_in_peace(tmp_path):
    os.symlink("/dev/full", tmp_path / "learner.log")
    log = SteadyLogFile(tmp_path / "learner.log")
    log.emit(standard_logging.makeLogRecord({"msg": "a line"}))
    log.close()
