"""Checks that an interpreter can carry seed_matrace: `python scripts/check_python.py [version] [venv] [compiler]`.

Prints the interpreter's path, or ends with one sentence about what is missing. Runs on any Python, however old.
"""

import os
import shlex
import subprocess
import sys
import sysconfig

OLDEST, NEWEST = (3, 10), (3, 13)  # NEWEST: the newest Python that released TensorFlow wheels exist for
NAME = "%d.%d" % sys.version_info[:2]


def version():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        wanted = "%d.%d to %d.%d" % (OLDEST + NEWEST)
        sys.exit("%s is Python %s, but Python %s is needed: name one with PYTHON=..." % (sys.executable, NAME, wanted))


def venv():
    for module in ("venv", "ensurepip"):
        try:
            __import__(module)
        except ImportError:
            hint = "install it (Debian, Ubuntu: apt install python%s-venv) or name another with PYTHON=..." % NAME
            sys.exit("%s lacks Python's module %s: %s" % (sys.executable, module, hint))


def compiler():
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    headers = sysconfig.get_path("include")
    compile_only = ["-I" + headers, "-x", "c", "-c", "-o", os.devnull, "-"]
    try:
        _compile(command + compile_only, "#include <stdlib.h>")
    except OSError:
        hint = "install one (Debian, Ubuntu: apt install build-essential) or name it with CC=..."
        sys.exit("no C compiler: %s was not found; %s" % (command[0], hint))
    except RuntimeError as error:
        sys.exit("the C compiler %s does not work: %s" % (command[0], error))
    try:
        _compile(command + compile_only, "#include <Python.h>")
    except RuntimeError:
        hint = "install them (Debian, Ubuntu: apt install python%s-dev)" % NAME
        sys.exit("the headers of Python %s are missing (no usable Python.h in %s): %s" % (NAME, headers, hint))


def _compile(command, source):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate((source + "\n").encode())[0].decode(errors="replace").strip()
    if process.returncode:
        raise RuntimeError(output.split("\n")[0] or "it ended with code %d" % process.returncode)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        {"version": version, "venv": venv, "compiler": compiler}[name]()
    print(sys.executable)
