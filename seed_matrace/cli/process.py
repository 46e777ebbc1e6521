"""What a command sets up in its process: TensorFlow without its noise, an orderly stop."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading


def import_tensorflow() -> None:
    """Imports TensorFlow without the lines it prints about itself on every start.

    Raises:
      ImportError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says so
        except ImportError as error:
            raise ImportError(f"{error}; the learner is installed by: pip install 'seed_matrace[learner]'") from None
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def stop_on_signals(say: str = "") -> threading.Event:
    """An event that Ctrl-C, SIGTERM or a lost terminal (SIGHUP, unless it is ignored, as by nohup) sets.

    A second Ctrl-C interrupts at once; other signals may come twice, as a shell and its terminal send them.

    A thread of its own sets it: the handler may come while the main thread holds the event's lock.

    Args:
      say: printed to standard error when the first of them comes.
    """
    stop = threading.Event()
    asked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def handle(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.put(None)

    def wait() -> None:
        asked.get()
        stop.set()
        if say:
            print(say, file=sys.stderr, flush=True)

    threading.Thread(target=wait, name="signals", daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handle)
    return stop
