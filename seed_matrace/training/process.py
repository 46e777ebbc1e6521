"""What a command sets up in its process: TensorFlow without its noise, an orderly stop."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable

_LAST_WORDS_S = 1.0


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


def stop_on_signals(say: str = "", last_words: Callable[[], str] | None = None) -> threading.Event:
    """An event that Ctrl-C, SIGTERM or a lost terminal (SIGHUP, unless it is ignored, as by nohup) sets.

    A second Ctrl-C interrupts at once; other signals may come twice, as a shell and its terminal send them.

    A thread of its own sets it: the handler may come while the main thread holds the event's lock.

    Args:
      say: printed to standard error when the first of them comes.
      last_words: printed there at a second Ctrl-C, which then ends the process where it stands, exit code 130, as
        ``end_at_once`` says why; without it KeyboardInterrupt is raised.
    """
    stop = threading.Event()
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()

    def handle(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT and last_words is None:
            raise KeyboardInterrupt
        asked.put(number)

    def wait() -> None:
        asked.get()
        stop.set()
        if say:
            print(say, file=sys.stderr, flush=True)
        while asked.get() != signal.SIGINT or last_words is None:
            pass
        end_at_once(_said_by(last_words))

    threading.Thread(target=wait, name="signals", daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handle)
    return stop


def _said_by(last_words: Callable[[], str]) -> str:
    try:
        return last_words()
    except Exception as error:  # such as a disk that is gone: the process ends all the same
        return f"interrupted ({error})"


def end_at_once(last_words: str = "", code: int = 130) -> None:
    """Ends this process as a kill would, without an exception, an ``atexit`` or a destructor.

    For processes with TensorFlow: KeyboardInterrupt in the midst of its Python leaves its scopes half entered, and what
    then runs of it, up to Python's own exit, may fail or find its memory corrupted. Files are whole after a kill, too,
    and actors end with their standard input.
    """
    unheeded = threading.Timer(_LAST_WORDS_S, os._exit, (code,))  # a reader that does not read holds nothing up
    unheeded.daemon = True
    unheeded.start()
    with contextlib.suppress(OSError, ValueError):
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?25h\n")  # the live panel has hidden the cursor
        if last_words:  # past Python's streams, whose lock the interrupted thread may hold
            os.write(2, f"{last_words}\n".encode(errors="backslashreplace"))
    os._exit(code)


def ends_in_order() -> None:
    """From now on Ctrl-C is ignored: there is nothing left to stop but Python's own exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
