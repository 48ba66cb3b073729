#!/usr/bin/env bash
# Makes .venv from requirements.lock; does nothing when that is already done. Stamps are written last, so a
# set-up that was killed starts again. CXX names the C++ compiler to use, PYTHON the Python 3.11 to use.
#
# The lock is installed with --no-deps: finn-plus pins a brevitas that needs an older setuptools than torch does,
# and a resolver that is asked to satisfy all of it changes torch to another build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=.venv
readonly python=$venv/bin/python
readonly need_gb=6 cuda_need_gb=14

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# SHA-256 of the named files together, as one word.
sha() { cat "$@" | { command -v sha256sum >/dev/null && sha256sum || shasum -a 256; } | cut -d' ' -f1; }

stamped() { [[ -x $python && -f $venv/$1.stamp && $(<"$venv/$1.stamp") == "$2" ]]; }
stamp() { printf '%s\n' "$2" >"$venv/$1.stamp.new" && mv "$venv/$1.stamp.new" "$venv/$1.stamp"; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3 python; do
    if [[ -n $candidate ]] && [[ $("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == 3.11 ]]; then
      echo "$candidate"
      return
    fi
  done
  fail "expected Python 3.11 as python3.11 or python3, found $(python3 --version 2>/dev/null || echo none);" \
    "install python3.11 or name it: make PYTHON=/path/to/python3.11"
}

check_compiler() {
  local candidate
  for candidate in "${CXX:-}" g++ c++ clang++; do
    if [[ -n $candidate ]] && echo '#include <vector>' | $candidate -x c++ -std=c++17 -fsyntax-only - 2>/dev/null; then return; fi
  done
  fail "expected a C++17 compiler (the circuit is simulated as C++), found none; apt-get install g++, or set CXX"
}

check_disk() { # gigabytes
  local free_gb
  free_gb=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1000000))
  ((free_gb >= $1)) || fail "expected $1 GB of free disk in $PWD, found $free_gb; free some, or clone to another disk"
}

# Runs pip quietly but for a line every 15 s; all of its output is in $venv/pip.log. Returns pip's exit status.
pip() {
  local log=$venv/pip.log status=0 shown=0 collected
  "$python" -m pip --disable-pip-version-check --no-input "$@" >"$log" 2>&1 &
  while kill -0 $! 2>/dev/null; do
    sleep 1
    if ((++shown % 15 == 0)); then
      collected=$(grep -c '^Collecting' "$log" || true)
      if grep -q '^Installing collected' "$log"; then say "  writing $collected packages"; else say "  $collected packages fetched"; fi
    fi
  done
  wait $! || status=$?
  return $status
}

pip_failed() { # what
  grep -v '^WARNING' "$venv/pip.log" | tail -5 >&2
  fail "pip could not install $1 (all of its output: $venv/pip.log); check the network and run make again"
}

# Version and build of the installed torch, without importing it.
torch_build() { "$python" -c 'from importlib.metadata import version; print(version("torch"))'; }

# The CPU build where the user's pip can find one; otherwise the default build, whose libraries come from its own
# requirements, hence the one install here that resolves dependencies (within the lock's versions).
install_torch() {
  local version cuda
  version=$(sed -n 's/^torch==//p' requirements.lock)
  if pip install --no-deps "torch==$version+cpu"; then return; fi
  grep -q 'No matching distribution' "$venv/pip.log" || pip_failed torch
  ! grep -q 'from versions: none' "$venv/pip.log" || pip_failed torch # no index answered at all
  say "your package index has no CPU build of torch $version: installing the default one, on Linux the CUDA build" \
    "(several GB); to avoid that set PIP_EXTRA_INDEX_URL to PyTorch's CPU index and run make clean setup"
  check_disk $cuda_need_gb
  pip install "torch==$version" -c requirements.lock || pip_failed torch
  cuda=$(sed -n "s/^cuda.*= *'\(.*\)'/\1/p" "$venv"/lib/python3.11/site-packages/torch/version.py)
  [[ -z $cuda ]] || say "torch $version is the build for CUDA $cuda: $(du -sh "$venv" | cut -f1) in $venv so far"
}

install_packages() {
  local interpreter before after
  interpreter=$(find_python)
  "$interpreter" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "expected Python's venv module, found none; apt-get install python3-venv"
  check_compiler
  check_disk $need_gb
  say "installing $(grep -c == requirements.lock) packages into $venv (once, a few minutes)"
  "$interpreter" -m venv --clear "$venv"
  install_torch
  before=$(torch_build)
  say "installing the other packages"
  pip install --no-deps -r requirements.lock || pip_failed requirements.lock
  after=$(torch_build)
  [[ $after == "$before" ]] || fail "expected torch $before to stay, another package changed it to $after; make clean setup"
  "$python" setup/check_imports.py || fail "a package of requirements.lock does not import; make clean setup"
}

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # a pip in the background would outlive an interrupt
if command -v flock >/dev/null; then
  exec 9>.venv.lock # held by pip as well, so that a set-up never meets the rest of a killed one
  flock -n 9 || { say "waiting for another set-up in $PWD" && flock 9; }
fi
lock=$(sha requirements.lock)
if ! stamped packages "$lock"; then
  install_packages
  stamp packages "$lock"
fi
[[ ${1:-} != packages ]] || exit 0 # a container's layer of its own: the project comes later
project=$(sha pyproject.toml)
if ! stamped project "$project"; then
  pip install --no-deps --no-build-isolation --editable . || pip_failed holdfast
  stamp project "$project"
  say "ready: $venv/bin/holdfast"
fi
