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
