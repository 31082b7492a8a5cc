# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2015,SC2153
# Sourced by deploy/run and tests/run: which Debian packages a job needs, how they get installed,
# and how many compilers this machine carries at once. bash; expects `set -euo pipefail` and `program`.

# What building and running the broker needs. No test package belongs here.
product_packages=(
  build-essential cmake ninja-build ccache pkg-config
  libboost1.81-dev libboost-json1.81-dev
  libwslay-dev libssl-dev libargon2-dev libjwt-dev
  libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev prometheus-cpp-dev
  librocksdb-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
)
# For the web console's libraries. Debian's npm conflicts with a nodejs from elsewhere.
command -v npm >/dev/null || product_packages+=(npm)

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$program" "$1" >&2; shift; (($# == 0)) || printf '  %s\n' "$@" >&2; exit 1; }

# Prints those of the named packages that are not installed.
missing_packages() {
  local installed name
  installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true) "
  for name in "$@"; do
    [[ $installed == *" installed:$name "* ]] || printf '%s\n' "$name"
  done
}

# apt waits for dpkg's own lock; the locks of its lists and of its downloads it doesn't wait for.
apt_get() {
  local log status tries
  log=$(mktemp)
  for ((tries = 0; ; tries++)); do
    status=0
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
      apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null 2>&1 | tee "$log" >&2 || status=$?
    if ((status == 0)) || ! grep -qE 'Could not (get lock|open lock)|Unable to lock' "$log" ||
      ((tries == 60)); then
      rm -f "$log"
      return "$status"
    fi
    say "Another package manager is at work; trying again in 5 s."
    sleep 5
  done
}

# install_packages NAME...: nothing happens where all are there.
install_packages() {
  local wanted=("$@") missing line
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "this is no Debian: install the counterparts of these packages and build by hand" \
      "${wanted[*]}" "cmake --preset release && cmake --build --preset release"
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]})) || return 0
  line="apt-get install -y --no-install-recommends --no-remove ${missing[*]}"

  if [[ " ${missing[*]}" == *boost*1.81* && -z $(missing_packages libboost1.74-dev) ]]; then
    die "libboost1.74-dev is installed and is in the way of libboost1.81-dev: the two conflict." \
      "Roost needs Boost 1.81 and removes nothing by itself. If you can spare 1.74:" \
      "  sudo apt-get remove libboost1.74-dev      (apt shows what leaves with it)" \
      "then start again."
  fi
  as_root=()
  if ((EUID != 0)); then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
      die "packages are missing and only root may install them. Run as root:" "$line"
    fi
  fi
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  apt_get update || say "apt-get update failed; trying with the package lists that are here."
  # shellcheck disable=SC2086
  apt_get ${line#apt-get } ||
    die "the packages could not be installed. The line was:" "$line" \
      "Roost is built with the packages of Debian 12 (bookworm)."
}

# Compilers at once: as many as there are cores, as long as each finds 1.5 GB of free memory.
build_jobs() {
  local cores free limit used
  cores=$(nproc)
  free=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  if [[ -r /sys/fs/cgroup/memory.max && $(</sys/fs/cgroup/memory.max) != max ]]; then
    limit=$(</sys/fs/cgroup/memory.max) used=$(</sys/fs/cgroup/memory.current)
    limit=$(((limit - used) / 1048576))
    ((limit >= free)) || free=$limit
  fi
  local jobs=$((free / 1536))
  ((jobs <= cores)) || jobs=$cores
  ((jobs >= 1)) || jobs=1
  printf '%s\n' "$jobs"
}

# Packages need root, building doesn't: started through sudo, the rest runs as the user who called sudo.
# Usage: leave_sudo "$0" "$@", after the packages are there.
leave_sudo() {
  ((EUID == 0)) && [[ -n ${SUDO_UID:-} && ${SUDO_UID} != 0 ]] || return 0
  local user home
  user=$(id -un "$SUDO_UID")
  home=$(getent passwd "$SUDO_UID" | cut -d: -f6)
  say "Going on as $user: nothing is built as root through sudo."
  exec setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups \
    env -u SUDO_UID -u SUDO_GID -u SUDO_USER -u SUDO_COMMAND \
    HOME="$home" USER="$user" LOGNAME="$user" bash "$@"
}

# configure PRESET: into build/PRESET; CMake's words are shown only when it fails.
configure() {
  local preset=$1
  mkdir -p build 2>/dev/null || true
  [[ -w build && (! -e build/$preset || -w build/$preset) ]] ||
    die "build/$preset is not writable for $(id -un): an earlier run as root made it." \
      "sudo rm -r build      then start again"
  cmake --preset "$preset" >"build/$preset-configure.log" 2>&1 || {
    cat "build/$preset-configure.log" >&2
    return 1
  }
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  configure "$preset" || return
  cmake --build --preset "$preset" --parallel "$(build_jobs)" ${1:+--target "$@"}
}
