"""Settings that must be made before any test imports TensorFlow; processes that tests start inherit them."""

import gc
import os
import resource
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# One thread in an operation is fastest at these sizes, and leaves cores to the processes that tests start.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# The tests mean the CPU, also where a GPU is at hand; CUDA_VISIBLE_DEVICES=0 ./run_tests.sh says otherwise.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture(autouse=True)
def _forget_compiled_functions():
    """TensorFlow keeps what was compiled for good, 25 MB for a run of the smallest networks: gigabytes over all tests.

    Its gradients of our own (``tf.custom_gradient``) hold the graphs they are from, its cache of kernels the rest.
    """
    yield
    if not (ops := sys.modules.get("tensorflow.python.framework.ops")):
        return
    gradients = ops.gradient_registry._registry
    if own := [name for name in gradients if name.startswith("CustomGradient-")]:
        for name in own:
            del gradients[name]
        gc.collect()
        sys.modules["tensorflow.python.eager.context"].context().clear_kernel_cache()


@pytest.fixture
def limit_file_size():
    """Files of this process may have so many bytes: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if size is None else size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
