# %% [markdown]
# # A sweep, here and on a cluster
#
# One command trains once for each combination of values. `-m` is Hydra's multirun; each run gets its own directory and
# knows its own error, so a sweep is a loop over `result.json`. Run time: some twenty seconds.

# %%
import json
import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).parents[1] / "scripts" / "train.py"
command = ["-m", "pde=poisson", "seed=0,1", "optimizer=least_squares", "run_dir=sweep"]
subprocess.run([sys.executable, TRAIN, *command], check=True)

# %% [markdown]
# What came out, best first.

# %%
results = [json.loads(path.read_text()) for path in Path("sweep").glob("*/result.json")]
for result in sorted(results, key=lambda result: result["error"]["u"]["relative_l2"]):
    print(f"seed {result['seed']}: error {result['error']['u']['relative_l2']:.1e} in {result['seconds']:.0f} s")
worst = max(result["error"]["u"]["relative_l2"] for result in results)

# %% [markdown]
# On a cluster the same sweep is one job a run: `launcher=slurm` submits them instead of running them here, and needs
# `pip install -e '.[sweep]'`. The keys of `configs/launcher/slurm.yaml` say where:
#
# ```
# python scripts/train.py -m pde=poisson seed=0,1,2,3 launcher=slurm launcher.partition=gpu launcher.minutes=60
# ```
#
# A single run, on two nodes of eight devices, is a script that `sbatch` takes; `--sbatch` prints it. `launcher=local`
# takes the same way through submitit without a queue, to try it.

# %%
asked = ["pde=poisson", "trainer=ddp", "trainer.devices=8", "launcher.nodes=2", "launcher.partition=gpu", "--sbatch"]
script = subprocess.run([sys.executable, TRAIN, *asked], check=True, capture_output=True, text=True).stdout
print(script)
