# SPDX-License-Identifier: Apache-2.0
"""A second binary: this tree with `next_version.patch`, built where the tree seems to be patched.

In a mount namespace an overlay (or, where there can be none, a copy) lies over the tree, build
folder and all: only what the patch touches is compiled, and nothing of it is seen outside.
"""

import os
import shutil
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
BUILD_S = 1200
SCRIPT = """
set -euo pipefail
mount -t tmpfs none "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work"
mount -t overlay overlay -o \
  "lowerdir=$TREE,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" "$TREE" || {
  excludes=(--exclude=./.git --exclude='*_tests' --exclude=node_modules)
  for folder in "$TREE"/build/*; do
    [[ $folder == "$BUILD" ]] || excludes+=("--exclude=./build/${folder##*/}")
  done
  mkdir "$COPY"
  tar -C "$TREE" --format=posix "${excludes[@]}" -cf - . | tar -C "$COPY" -xf -
  mount --bind "$COPY" "$TREE"
}
cd "$TREE"
echo mounted
patch --silent --force -p1 <tests/system/next_version.patch
ninja -C "$BUILD" roost
cp "$BUILD/roost" "$OUT"
"""


def next_version(case):
    """Its path. Skips the case where it can't be built: no build folder, no right to mount."""
    build = Path(case.broker_path).resolve().parent
    case.needs((build / "build.ninja").exists() and build.is_relative_to(TREE),
               "the binary stands in no build folder of this tree")
    case.needs(all(shutil.which(tool) for tool in ("unshare", "patch", "ninja")),
               "unshare, patch or ninja is not installed")
    scratch, out = case.make_folder(dir=case.folder), os.path.join(case.folder, "next-roost")
    done = subprocess.run(
        ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "bash", "-c",
         SCRIPT], env=dict(os.environ, SCRATCH=scratch, COPY=os.path.join(case.folder, "next-tree"),
                          TREE=str(TREE), BUILD=str(build), OUT=out),
        capture_output=True, text=True, timeout=BUILD_S, check=False)
    case.needs("mounted" in done.stdout, f"nothing can be mounted here: {done.stderr}")
    case.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr)
    return out
