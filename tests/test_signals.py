"""What stops a run, once and twice."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import io, os, signal, sys, time
from seed_matrace.training.process import stop_on_signals
before = {ignored}
stderr, sys.stderr = sys.stderr, io.StringIO()
stop = stop_on_signals("stopping after this step")
os.kill(os.getpid(), {first})
print(stop.wait(5))
while stop.is_set() and not sys.stderr.getvalue().endswith("\\n"):
    time.sleep(0.01)
stderr.write(sys.stderr.getvalue())
try:
    os.kill(os.getpid(), {second})
    time.sleep(0.1)
    print("goes on")
except KeyboardInterrupt:
    print("interrupted")
"""


def play(first, second, ignored="None"):
    program = PROGRAM.format(first=int(first), second=int(second), ignored=ignored)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    return result.stdout.split("\n")[:-1], result.stderr


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_one_stops_in_order_and_says_so_and_a_second_ctrl_c_interrupts(first):
    assert play(first, signal.SIGINT) == (["True", "interrupted"], "stopping after this step\n")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_may_come_twice(second):
    assert play(second, second) == (["True", "goes on"], "stopping after this step\n")


def test_nohup_is_respected():
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    said, _ = play(signal.SIGHUP, signal.SIGHUP, ignored)
    assert said == ["False", "goes on"]


ENDS_AT_ONCE = """
import atexit, os, signal, time
from seed_matrace.training.process import stop_on_signals
stop = stop_on_signals("stopping after this step", lambda: {words})
atexit.register(print, "exits", flush=True)
os.kill(os.getpid(), signal.SIGINT)
try:
    stop.wait(5)
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        time.sleep(0.01)
finally:
    print("unwound", flush=True)
"""


@pytest.mark.parametrize(
    ("words", "said"), [("'what is kept'", "what is kept"), ("1 / 0", "interrupted (division by zero)")]
)
def test_where_memory_is_shared_with_tensorflow_a_second_ctrl_c_raises_nothing_and_ends_the_process(words, said):
    program = ENDS_AT_ONCE.format(words=words)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == f"stopping after this step\n{said}\n"


def test_second_ctrl_c_ends_a_process_whose_output_nobody_reads():
    program = "from seed_matrace.training.process import end_at_once\nend_at_once('x' * 1_000_000)"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        assert process.wait(60) == 130


def test_ctrl_c_leaves_an_exit_in_order_alone():
    program = (
        "import os, signal\nfrom seed_matrace.training.process import ends_in_order, stop_on_signals\n"
        "stop_on_signals('', str)\nends_in_order()\n"
        "class Late:\n    def __del__(self, kill=os.kill, me=os.getpid()):\n        kill(me, 2)\nlate = Late()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
