# Sourced by the scripts beside it: what they need of Debian's package system.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# need COMMAND=PACKAGE… installs the packages of the commands that are missing. A package may be a list of alternatives,
# PACKAGE|PACKAGE, because names differ between releases.
need() {
  local pair missing=()
  for pair; do command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 || die "missing: ${missing[*]}; install what provides them (there is no apt-get here to do it)"
  [ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]}; install them, or run this as root"
  apt_lists
  local choice name
  for choice in "${missing[@]}"; do
    for name in ${choice//|/ }; do
      say "installing $name"
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$name" >/dev/null </dev/null && continue 2
    done
    die "apt-get could not install $choice"
  done
}

# apt_lists brings the package lists up to date, once per script. One bad source among several makes apt-get update
# fail although the others were read, so that is a warning; an install that misses something says so itself.
apt_lists() {
  [ -z "${apt_lists_done:-}" ] || return 0
  apt-get update -qq </dev/null >&2 || say "apt-get update failed for some source in /etc/apt; going on"
  apt_lists_done=1
}
