#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Spikingformer-4-256 on CIFAR-10 (CIFAR10_DIR) on a GPU, in two commands of less than ten minutes each:
#   scripts/train_gpu.sh dense      trains:               $OUT/dense.safetensors, less than 16 MiB
#   scripts/train_gpu.sh balanced   prunes and quantises: $OUT/balanced.safetensors
# Stopped at any time, the same command goes on after the last whole epoch, with the minutes that are left; what is
# finished stays. OUT: folder for both, runs/gpu. STEPS=1: so many steps of two images instead, on the CPU, which shows
# that all of it works. PYTHON: .venv/bin/python.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${OUT:-runs/gpu}
python=${PYTHON:-.venv/bin/python}
most=$((16 << 20))
mkdir -p "$out"

config() { # the configuration NAME, or what STEPS makes of it
  local path=golden/configs/cifar10/gpu_$1.toml
  if [ -z "${STEPS:-}" ]; then
    echo "$path"
    return
  fi
  sed -E -e 's/^device = .*/device = "cpu"/' -e 's/^(epochs) = .*/\1 = 1/' -e 's/^(early_|search_)(epochs) = .*/\1\2 = 0/' \
    -e "s/^batch_size = .*/batch_size = 2\nimages = $((2 * STEPS))/" -e 's/^(monitor_images|calibration) = .*/\1 = 2/' \
    "$path" >"$out/$1_steps.toml"
  echo "$out/$1_steps.toml"
}

resume() { # --resume, if a training in one of these folders was stopped
  local run
  for run in "$@"; do
    if [ -f "$run/last.pt" ]; then
      echo --resume
      return
    fi
  done
}

if [ -n "${STEPS:-}" ]; then
  export TORCHDYNAMO_DISABLE=1 # a step takes less than a compilation
fi

case ${1:-} in
dense)
  if [ ! -f "$out/dense.safetensors" ]; then
    # shellcheck disable=SC2046
    $python -m golden train --config "$(config dense)" --run "$out/dense" --out "$out/dense.safetensors" \
      $(resume "$out/dense")
  fi
  size=$(wc -c <"$out/dense.safetensors")
  echo "$out/dense.safetensors: $size bytes of $most"
  [ "$size" -lt "$most" ]
  ;;
balanced)
  if [ ! -f "$out/balanced.safetensors" ]; then
    # shellcheck disable=SC2046
    $python -m golden prune --config "$(config balanced)" --dense "$out/dense.safetensors" --run "$out/balanced" \
      --out "$out/balanced.safetensors" $(resume "$out/balanced/finetune" "$out/balanced/qat")
  fi
  ;;
*)
  echo "usage: scripts/train_gpu.sh dense|balanced" >&2
  exit 2
  ;;
esac
