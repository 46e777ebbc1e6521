"""What stops a run, once and twice."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from seed_matrace.cli.process import stop_on_signals
before = {ignored}
stop = stop_on_signals("stopping after this step")
os.kill(os.getpid(), {first})
print(stop.wait(5))
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
