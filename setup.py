"""Extension modules and what a wheel holds; all other metadata is in pyproject.toml."""

import os
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

# SEED_MATRACE_DEBUG=1 builds with bounds checks. Sources leave these directives to this file.
DEBUG = os.environ.get("SEED_MATRACE_DEBUG") == "1"
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
}
# Bit-exact arithmetic: no fused multiply-add, no -ffast-math.
CFLAGS = ["-O1" if DEBUG else "-O3", "-ffp-contract=off", "-fno-math-errno"]
STRIPPED = not DEBUG  # symbols and debugging information are five sixths of an extension

extensions = [
    Extension(
        f"seed_matrace._cext.{path.stem}",
        [str(path)],
        include_dirs=[np.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=[*CFLAGS, *(["-g0"] if STRIPPED else [])],
        extra_link_args=["-s"] if STRIPPED else [],
    )
    for path in sorted(Path("cext").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=["cext"],
        build_dir="build/cython-debug" if DEBUG else "build/cython",
        compiler_directives=DIRECTIVES,
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
    # A wheel carries gin/ as seed_matrace/_gin: a folder called gin beside the packages would hide gin-config.
    packages=[*find_packages(include=["seed_matrace", "seed_matrace.*"]), "seed_matrace._gin"],
    package_dir={"seed_matrace._gin": "gin"},
    package_data={
        "seed_matrace": ["py.typed"],
        "seed_matrace._gin": ["**/*.gin"],
        "seed_matrace.smac": ["shim/**/*.py"],
        "seed_matrace.skirmish": ["data/**/*.json"],
        "seed_matrace.zoo": ["teams/index.json", "teams/*/*", "teams/*/replays/*"],
        "seed_matrace.viewer": ["data/*.json", "web/*"],
    },
    include_package_data=False,
)
