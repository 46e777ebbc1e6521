"""What the documentation gives to type on plain hosts, as it stands there: ``seed-matrace`` is found by its name."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
from ends import free_port
from namespaces import Hosts, needs_ip
from processes import ROOT, actors_alive, actors_of, finish, kill_group, tiny_run, wait_until

PATH = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
SRUN = """\
#!/usr/bin/env bash
# A stand-in for: srun --overlap --ntasks=N COMMAND...; all nodes are this machine.
trap 'kill $(jobs -p)' TERM
for ((SLURM_PROCID = 0; SLURM_PROCID < ${2#--ntasks=}; SLURM_PROCID++)); do
  export SLURM_PROCID
  "${@:3}" &
done
wait
"""


def commands(page, heading):
    """The blocks of bash under a heading."""
    text = (ROOT / "docs" / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@needs_ip
def test_hosts_learn_3m_by_the_recipe(tmp_path):
    make_keys, learn, _, act = commands("remote_actors.md", "Between hosts")
    folders = {host: tmp_path / host for host in ("learner", "actors")}
    for folder in folders.values():
        folder.mkdir()
    subprocess.run(["bash", "-euc", make_keys], cwd=folders["learner"], check=True, capture_output=True)
    for name in ("ca.pem", "token"):
        shutil.copy(folders["learner"] / name, folders["actors"])
    hosts, processes = Hosts(*folders), []
    hosts.open()

    def start(host, script, **environment):
        processes.append(hosts.execute(host, ["bash", "-c", script], folders[host], PATH=PATH, **environment))
        return processes[-1]

    try:
        actors = start("actors", act, FIRST="0", LAST="1")
        learner = start("learner", learn)
        run_dir = folders["learner"] / "runs" / "3m"
        wait_until(lambda: actors_alive(run_dir) == 2, "both actors at work", timeout_s=240)
        os.kill(actors_of("10.77.0.1:5555")[0], signal.SIGKILL)
        output = finish(learner, timeout_s=1500)
        assert learner.returncode == 0, output
        assert "is back" in output
        assert "target win rate reached" in output
        finish(actors)
        assert actors.returncode == 0
        assert (folders["actors"] / "actor_0.log").read_text().endswith("is over: done\n")
    finally:
        for process in processes:
            kill_group(process)
        hosts.close()


def test_job_of_slurm_is_taken_away_and_submitted_again(tmp_path):
    (tmp_path / "srun").write_text(SRUN)
    (tmp_path / "srun").chmod(0o755)
    job = {"PATH": f"{tmp_path}:{PATH}", "SLURM_NTASKS": "3", "PORT": str(free_port().port)}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **job}
    run_dir, jobs = tmp_path / "run", []

    def submit(total_env_steps):
        params = tiny_run(total_env_steps, "run.report_fraction=1e-5")
        words = ["bash", ROOT / "docs" / "slurm.sbatch", "maps/3m.gin", run_dir, *params]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        jobs.append(subprocess.Popen(words, env=environment, cwd=tmp_path, start_new_session=True, **pipes))
        return jobs[-1]

    try:
        job = submit(10_000_000)
        wait_until(lambda: actors_alive(run_dir) == 2, "both actors at work")
        job.send_signal(signal.SIGTERM)
        output = finish(job)
        assert job.returncode == 0, output
        assert "stopped before the end" in output
        assert actors_of(str(run_dir)) == []
        steps = json.loads(next((run_dir / "checkpoints").glob("step-*/state.json")).read_text())["env_steps"]
        job = submit(steps + 1000)
        output = finish(job)
        assert job.returncode == 0, output
        assert f"resumed at {steps:,} env steps" in output
        assert "budget of env steps used" in output
        assert "is over: done" in output  # of an actor
        assert actors_of(str(run_dir)) == []
    finally:
        for job in jobs:
            kill_group(job)
