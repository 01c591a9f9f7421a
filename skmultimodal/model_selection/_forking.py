"""Workers that are copies of this process, and so have nothing to import."""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from typing import Any

import joblib
from joblib.parallel import ParallelBackendBase
from threadpoolctl import threadpool_limits

__all__ = ["forked_workers"]


def forked_workers():
    """Return a context in which joblib forks its workers, where a system does so well.

    Only for a process of our own that has computed nothing yet: threads that
    libraries compute with are not copied, and a copy would wait for them.
    """
    if sys.platform != "linux":
        return nullcontext()
    return joblib.parallel_config(backend=_Forks())


class _Forks(ParallelBackendBase):
    """Processes of this one's memory, each of its share of the cores."""

    supports_retrieve_callback = True
    pool: Any = None

    def effective_n_jobs(self, n_jobs):
        if n_jobs is None or n_jobs > 0:
            return n_jobs or 1
        return max(joblib.cpu_count() + 1 + n_jobs, 1)

    def configure(self, n_jobs=1, parallel=None, **kwargs):
        self.parallel = parallel
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs > 1:  # of one, joblib does the work here
            share = int(os.environ.get("OMP_NUM_THREADS") or joblib.cpu_count())
            self.pool = ProcessPoolExecutor(
                n_jobs,
                multiprocessing.get_context("fork"),
                threadpool_limits,
                (max(min(share, joblib.cpu_count() // n_jobs), 1),),
            )
            self.pool.submit(int)  # forks all, before anything here starts a thread
        return n_jobs

    def submit(self, func, callback=None):
        future = self.pool.submit(func)
        future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def retrieve_result_callback(self, out):
        return out.result()

    def abort_everything(self, ensure_ready=True):
        self.terminate()

    def terminate(self):
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None
