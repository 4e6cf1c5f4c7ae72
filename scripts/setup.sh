#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install what the project needs on Debian 12: system packages (only the missing ones), the virtual
# environment and the pinned Python requirements. Started by the Makefile; a stamp in .venv
# remembers it, so that a second run does nothing. Problems that the user has to solve: one line,
# exit status 2.
#
#   scripts/setup.sh          everything
#   scripts/setup.sh --stamp  print the path of the stamp

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly REQUIREMENTS=(requirements.txt requirements-nodeps.txt)
readonly TORCH_INDEX=https://download.pytorch.org/whl/cpu

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# The stamp lies in the virtual environment, so that it goes when that goes. The folder is hashed,
# too: a virtual environment cannot be moved.
stamp() {
  local hash
  hash=$({ cat "${REQUIREMENTS[@]}" scripts/setup.sh; pwd; } | sha256sum)
  printf '%s\n' "$VENV/.setup-${hash:0:12}${DATA_DIR:+-own-data}"
}

new_enough() {
  command -v "$1" >/dev/null 2>&1 &&
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The first Python >= 3.11 by the usual names, or the one that PYTHON= names and no other.
find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" ||
      fail "PYTHON=$PYTHON does not start or is older than 3.11; name another Python, or none."
    command -v "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed and none was found; install it or name it with PYTHON=/path/to/python3."
}

# Debian packages whose program, header or data is not there. Prints their names.
missing_packages() {
  local python=$1
  command -v iverilog >/dev/null || echo iverilog
  command -v ccache >/dev/null || echo ccache
  command -v g++ >/dev/null || echo g++
  command -v make >/dev/null || echo make
  command -v perl >/dev/null || echo perl
  [ -e /usr/include/lz4.h ] || echo liblz4-dev
  [ -e /usr/include/zlib.h ] || echo zlib1g-dev
  command -v riscv64-unknown-elf-gcc >/dev/null || echo gcc-riscv64-unknown-elf
  [ -d /usr/lib/picolibc/riscv64-unknown-elf ] || echo picolibc-riscv64-unknown-elf
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  "$python" -c '
import sys, sysconfig
from pathlib import Path
var = sysconfig.get_config_var
names = {var("INSTSONAME"), var("LDLIBRARY")} - {None}
places = [Path(p) for p in (var("LIBDIR"), "/usr/lib/" + (var("MULTIARCH") or ""), "/usr/lib") if p]
sys.exit(not any((p / n).exists() for p in places for n in names if ".so" in n))
' || echo "libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  if [ -z "${DATA_DIR:-}" ] && [ ! -d /usr/share/datasets/fashion-mnist ]; then
    echo dataset-fashion-mnist
  fi
}

install_packages() {
  local -a packages as_root=()
  mapfile -t packages < <(missing_packages "$1")
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    fail "this system has no apt-get; install what Debian calls ${packages[*]} and run this again."
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      fail "system packages are missing; as root, run: apt-get install ${packages[*]}"
    fi
    as_root=(sudo -n)
  fi
  echo "setup: installing ${packages[*]}"
  local log=build/setup-apt.log
  if ! {
    "${as_root[@]}" apt-get -q update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-install-recommends install "${packages[@]}"
  } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    fail "apt-get could not install ${packages[*]}; the whole log is in $log."
  fi
}

# pip, tried twice: a lost connection is not worth a failed setup.
pip_install() {
  "$VENV/bin/python" -m pip --disable-pip-version-check install -q "$@" ||
    "$VENV/bin/python" -m pip --disable-pip-version-check install -q "$@" ||
    fail "pip could not install the Python requirements (see above); check the network and run this again."
}

# The checkout itself: on the path of the environment, with the program psf. What pip's editable mode
# does, without a build and without the network.
install_checkout() {
  local site
  site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$PWD" >"$site/prunespikformer.pth"
  cat >"$VENV/bin/psf" <<EOF
#!$PWD/$VENV/bin/python
import sys
from golden.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
EOF
  chmod +x "$VENV/bin/psf"
}

install_python() {
  local python=$1
  local -a index=()
  if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1 ||
    [ "$("$VENV/bin/python" -c 'import sys; print(sys.prefix)')" != "$PWD/$VENV" ]; then
    echo "setup: creating $VENV with $python"
    "$python" -m venv --clear "$VENV" || fail "$python could not create the virtual environment $VENV."
  fi
  # PyPI's torch for Linux brings gigabytes of CUDA; PyTorch's own index has 2.13.0+cpu, which pip
  # prefers. Asked only when torch is still missing and the index answers.
  if ! "$VENV/bin/python" -c 'import torch' 2>/dev/null &&
    "$python" -c "import urllib.request as u; u.urlopen('$TORCH_INDEX/torch/', timeout=8)" 2>/dev/null; then
    index=(--extra-index-url "$TORCH_INDEX")
  fi
  echo "setup: installing the Python requirements into $VENV (2 GB)"
  pip_install "${index[@]}" -r requirements.txt
  pip_install --no-deps -r requirements-nodeps.txt
  install_checkout
  "$VENV/bin/python" -c 'from tb.run import simulators; simulators.warm_up()' ||
    fail "the simulators do not start; remove $VENV and run this again."
}

main() {
  if [ "${1:-}" = --stamp ]; then
    stamp
    return
  fi
  mkdir -p build
  exec 9>build/.setup-lock # two makes at once: the second waits
  flock 9
  local done_mark python
  done_mark=$(stamp)
  [ ! -e "$done_mark" ] || return 0
  python=$(find_python)
  install_packages "$python"
  install_python "$python"
  find "$VENV" -maxdepth 1 -name '.setup-*' ! -name "$(basename "${done_mark%-own-data}")*" -delete
  date -u +%FT%TZ >"$done_mark"
  echo "setup: done"
}

main "$@"
