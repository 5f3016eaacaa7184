#!/usr/bin/env bash
# Puts libunicorn (>= 2.1.4) and libcapstone where Quire looks for them:
#   ${QUIRE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quire}/native/lib/
# The system's own libraries are linked there when they are new enough. Otherwise the distribution's packages are
# fetched with the apt client (own lists, cache and sources; no root; the machine's mirror and archive key) and unpacked.
# Idempotent, safe when two run at once, prints nothing when there is nothing to do.
# Exit: 0 done, 2 bad usage, 3 something is missing (one line says what and how to get it).
# docs/adr/0002-native-libraries-by-apt.md tells why.
set -u

readonly MIN_UNICORN=2.1.4

cache=${QUIRE_CACHE:-}
if [ -z "$cache" ]; then
  if [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME/quire
  elif [ -n "${HOME:-}" ]; then cache=$HOME/.cache/quire
  else echo "quire: neither HOME nor QUIRE_CACHE is set; set QUIRE_CACHE to a writable folder" >&2; exit 3
  fi
fi
native=$cache/native
lib=$native/lib

# The fast path: a symbolic link into the system that dangles fails -e, and the set-up runs again.
if [ $# -eq 0 ] && [ -e "$lib/complete" ] && { [ -e "$lib/libunicorn.so.2" ] || [ -e "$lib/libunicorn.2.dylib" ]; }; then
  exit 0
fi

usage() {
  echo "usage: setup-native.sh [--check | --force]"
  echo "  --check  recompute the recorded checksums of what is installed, change nothing"
  echo "  --force  fetch the libraries again, and do not use the system's"
}

say() { echo "quire set-up: $*" >&2; }

fail() {
  echo "quire set-up: $*" >&2
  exit 3
}

by_hand="install libunicorn $MIN_UNICORN or newer and libcapstone 4 or 5 by your package manager"

# version_at_least HAVE WANT: compares dotted numbers, ignoring epoch and packaging suffixes.
version_at_least() {
  local have=${1#*:} want=$2 h w
  have=${have%%[-+~]*}
  local -a hs ws
  IFS=. read -r -a hs <<<"$have"
  IFS=. read -r -a ws <<<"$want"
  for i in 0 1 2; do
    h=${hs[i]:-0} w=${ws[i]:-0}
    case $h in '' | *[!0-9]*) return 1 ;; esac
    if [ "$h" -gt "$w" ]; then return 0; fi
    if [ "$h" -lt "$w" ]; then return 1; fi
  done
  return 0
}

# system_library NAME: the path of the first shared object of that name the system's loader would find.
system_library() {
  local name=$1 dir
  local found
  found=$({ ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | sed -n "s/^[[:space:]]*${name} .* => //p" | head -n 1)
  if [ -n "$found" ] && [ -e "$found" ]; then
    echo "$found"
    return 0
  fi
  for dir in /usr/local/lib /usr/lib64 /usr/lib /usr/local/lib64; do
    if [ -e "$dir/$name" ]; then
      echo "$dir/$name"
      return 0
    fi
  done
  return 1
}

# system_unicorn_version FILE: by the package that owns it, else by the unicorn.pc installed beside it. The library
# itself is asked (uc_version) when Java loads it.
system_unicorn_version() {
  local file=$1 real owner
  real=$(readlink -f "$file")
  if command -v dpkg-query >/dev/null 2>&1; then
    for f in "$file" "$real" "/usr${real#/usr}"; do
      owner=$(dpkg-query -S "$f" 2>/dev/null | head -n 1 | sed 's/: .*//')
      if [ -n "$owner" ]; then
        dpkg-query -W -f '${Version}\n' "$owner" 2>/dev/null
        return 0
      fi
    done
  fi
  if command -v rpm >/dev/null 2>&1 && rpm -qf --qf '%{VERSION}\n' "$real" 2>/dev/null; then
    return 0
  fi
  sed -n 's/^Version:[[:space:]]*//p' "$(dirname "$real")/pkgconfig/unicorn.pc" 2>/dev/null
}

sha256=(sha256sum)
command -v sha256sum >/dev/null 2>&1 || sha256=(shasum -a 256)

# publish DIR: makes DIR the folder native/lib by renaming a symbolic link over the old one.
publish() {
  local dir=$1
  : >"$dir/complete" || fail "cannot write $dir"
  local link=$native/.lib.$$
  rm -f "$link"
  ln -s "${dir#"$native"/}" "$link" || fail "cannot write $native"
  if ! mv -T "$link" "$lib" 2>/dev/null; then # BSD mv has no -T
    rm -f "$lib"
    mv "$link" "$lib" || fail "cannot write $lib"
  fi
  find "$native" -mindepth 1 -maxdepth 1 -type d ! -path "$dir" ! -name '.work.*' -exec rm -rf {} + 2>/dev/null
  return 0
}

# from_system: links the system's libraries if they will do.
from_system() {
  local unicorn capstone version dir
  unicorn=$(system_library libunicorn.so.2) || return 1
  version=$(system_unicorn_version "$unicorn")
  if ! version_at_least "${version:-0}" "$MIN_UNICORN"; then
    say "the system's libunicorn is ${version:-of unknown version}, $MIN_UNICORN or newer is needed: getting a private copy"
    return 1
  fi
  capstone=$(system_library libcapstone.so.5 || system_library libcapstone.so.4) || return 1
  dir=$native/system-$version
  rm -rf "$dir"
  mkdir -p "$dir" || fail "cannot write $native"
  ln -s "$unicorn" "$dir/libunicorn.so.2"
  ln -s "$capstone" "$dir/$(basename "$capstone")"
  publish "$dir"
  say "using the system's $unicorn ($version) and $capstone"
}

from_homebrew() {
  local prefix dir unicorn capstone
  for prefix in /opt/homebrew /usr/local; do
    unicorn=$prefix/lib/libunicorn.2.dylib
    if [ -e "$unicorn" ]; then
      dir=$native/homebrew
      rm -rf "$dir"
      mkdir -p "$dir" || fail "cannot write $native"
      ln -s "$unicorn" "$dir/libunicorn.2.dylib"
      for capstone in "$prefix"/lib/libcapstone.[45].dylib; do
        if [ -e "$capstone" ]; then ln -s "$capstone" "$dir/$(basename "$capstone")"; fi
      done
      publish "$dir"
      say "using $unicorn"
      return 0
    fi
  done
  fail "libunicorn is missing: brew install unicorn capstone"
}

# archive_candidates CODENAME PATHNAME: the archive roots in the machine's apt configuration, likeliest first. apt itself
# reads its configuration (both source formats); nothing is fetched.
archive_candidates() {
  local codename=$1 pathname=$2
  apt-get -o Debug::NoLocking=1 -o Dir::State::Lists="$work/none" --print-uris update 2>/dev/null |
    sed -n "s|^'\(.*\)/dists/\([^']*\)/InRelease'.*|\1 \2|p" |
    awk -v codename="$codename" -v pathname="$pathname" '
      $2 ~ /security/ { next }
      { uri = $1; rank = 4 }
      $2 == codename || $2 ~ /^(stable|testing|unstable|sid)$/ { rank = 3 }
      uri ~ ("/" pathname "/?$") { rank = rank - 1 }
      uri ~ ("^[a-z+]+://[^/]+/" pathname "/?$") { rank = rank - 1 }
      rank < 4 && !seen[uri]++ { print rank, uri }' |
    sort -s -n -k1,1 | head -n 4 | cut -d' ' -f2
}

# write_apt_conf: how to reach the network is the machine's affair (proxies and the like stand under Acquire::); hooks,
# pins, lists and caches are not: those are private.
write_apt_conf() {
  {
    apt-config dump 2>/dev/null | grep '^Acquire::' | grep -v -i 'AllowInsecure\|AllowWeak\|AllowDowngrade'
    cat <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$work/quire.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work/state";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "1";
CONF
  } >"$work/apt.conf"
  mkdir -p "$work/state" "$work/lists/partial" "$work/cache/archives/partial"
  : >"$work/status"
}

# write_sources URI SUITE COMPONENTS KEYRING
write_sources() {
  cat >"$work/quire.sources" <<SOURCES
Types: deb
URIs: $1
Suites: $2
Components: $3
Architectures: $(dpkg --print-architecture)
Targets: Packages
${4:+Signed-By: $4}
SOURCES
  sed -i '/^$/d' "$work/quire.sources"
}

# package_field PACKAGE FIELD: of the newest version in the fetched index.
package_field() {
  APT_CONFIG=$work/apt.conf apt-cache --no-all-versions show "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1
}

# loads FILE: whether the dynamic loader can satisfy the library on this machine (its C library may be too old).
loads() {
  local answer
  command -v ldd >/dev/null 2>&1 || return 0
  answer=$(ldd "$1" 2>&1) || return 1
  case $answer in *"not found"*) return 1 ;; esac
  return 0
}

# take PACKAGE SONAME: downloads (apt checks it against the signed index), unpacks and copies the library into $staging.
take() {
  local package=$1 soname=$2 version file
  version=$(package_field "$package" Version)
  if [ -z "$version" ]; then return 1; fi
  rm -rf "$work/deb"
  mkdir -p "$work/deb/tree"
  say "downloading $package $version ($(($(package_field "$package" Size) / 1024)) KiB)"
  (cd "$work/deb" && APT_CONFIG=$work/apt.conf apt-get -q download "$package=$version") >>"$work/log" 2>&1 || return 1
  dpkg-deb -x "$work"/deb/*.deb "$work/deb/tree" >>"$work/log" 2>&1 || return 1
  file=$(find "$work/deb/tree" -name "$soname" | head -n 1)
  if [ -z "$file" ] || ! loads "$(readlink -f "$file")"; then
    echo "$package $version does not load on this machine" >>"$work/log"
    return 1
  fi
  cp -L "$file" "$staging/$soname" || return 1
  printf '%s %s %s\n' "$package" "$version" "$(package_field "$package" SHA256)" >>"$staging/packages"
}

# fetch_index URI SUITE COMPONENTS KEYRING: true if a signed index with a new enough libunicorn came down.
fetch_index() {
  local uri=$1 suite=$2
  rm -rf "$work/lists" "$work/cache" "$work/state"
  write_apt_conf
  write_sources "$@"
  say "fetching the package index of suite $suite (about 10 MB)"
  APT_CONFIG=$work/apt.conf apt-get -q update >>"$work/log" 2>&1 || return 1
  unicorn_package=
  for name in libunicorn2t64 libunicorn2; do
    unicorn_version=$(package_field "$name" Version)
    if [ -n "$unicorn_version" ] && version_at_least "$unicorn_version" "$MIN_UNICORN"; then
      unicorn_package=$name
      return 0
    fi
  done
  echo "suite $suite has no libunicorn >= $MIN_UNICORN" >>"$work/log"
  return 1
}

# take_capstone: its absence costs the disassembly column only, so it never fails the set-up.
take_capstone() {
  local system
  if [ $force -eq 0 ] && system=$(system_library libcapstone.so.5 || system_library libcapstone.so.4); then
    ln -s "$system" "$staging/$(basename "$system")"
    return 0
  fi
  take libcapstone5 libcapstone.so.5 || take libcapstone4 libcapstone.so.4 ||
    say "libcapstone could not be had: addresses will be shown without instructions; to mend: apt-get install libcapstone4 (or libcapstone5)"
}

from_apt() {
  local id like codename keyring suites components pathname uri suite tried=0
  for tool in apt-get apt-cache apt-config dpkg-deb dpkg; do
    command -v "$tool" >/dev/null 2>&1 || fail "libunicorn is missing and there is no $tool here to get it: $by_hand"
  done
  id=$(. /etc/os-release 2>/dev/null && echo "${ID:-}")
  like=$(. /etc/os-release 2>/dev/null && echo " ${ID:-} ${ID_LIKE:-} ")
  codename=$(. /etc/os-release 2>/dev/null && echo "${UBUNTU_CODENAME:-${VERSION_CODENAME:-}}")
  case $like in
    *" ubuntu "*)
      keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg components="main universe" pathname=ubuntu suites="$codename devel"
      [ "$(dpkg --print-architecture)" = amd64 ] || pathname=ubuntu-ports ;;
    *" debian "*)
      keyring=/usr/share/keyrings/debian-archive-keyring.gpg components=main pathname=debian suites="testing unstable" ;;
    *) fail "unknown distribution '${id:-?}': $by_hand" ;;
  esac
  [ -r "$keyring" ] || fail "the archive key $keyring is missing: apt-get install ${pathname%-ports}-archive-keyring (${pathname%-ports}-keyring on some releases), or $by_hand"
  staging=$work/lib
  while read -r uri; do
    for suite in $suites; do
      tried=$((tried + 1))
      if fetch_index "$uri" "$suite" "$components" "$keyring"; then
        rm -rf "$staging"
        mkdir -p "$staging"
        if take "$unicorn_package" libunicorn.so.2; then
          take_capstone
          return 0
        fi
      fi
    done
  done < <(archive_candidates "$codename" "$pathname")
  cp -f "$work/log" "$native/setup.log" 2>/dev/null
  if [ "$tried" -eq 0 ]; then
    fail "no ${pathname} archive in this machine's apt configuration: $by_hand"
  fi
  local why
  why=$(grep -E '^E: Failed to fetch|does not load|has no libunicorn' "$work/log" | head -n 1)
  [ -n "$why" ] || why=$(grep -E '^(E|Err|W):' "$work/log" | tail -n 1)
  fail "could not get libunicorn by apt (${why:-no answer}); is the network reachable? Log: $native/setup.log. Or $by_hand"
}

install_staged() {
  local version dir
  version=$(sed -n 's/^libunicorn[^ ]* \([^ ]*\) .*/\1/p' "$staging/packages" | tr -c 'A-Za-z0-9.+~\n-' '_')
  dir=$native/packages-$version
  (cd "$staging" && find . -name 'lib*' -type f -exec basename {} \; | xargs "${sha256[@]}") >"$staging/SHA256SUMS" || fail "cannot compute checksums (sha256sum is missing)"
  rm -rf "$dir"
  mv "$staging" "$dir" || fail "cannot write $native"
  publish "$dir"
  say "installed in $lib: $(cut -d' ' -f1,2 "$dir/packages" | paste -s -d ',' | sed 's/,/, /g')"
}

check() {
  [ -e "$lib/complete" ] || fail "the native libraries are not set up: run $0"
  if [ -e "$lib/SHA256SUMS" ]; then
    (cd "$lib" && "${sha256[@]}" -c SHA256SUMS >/dev/null 2>&1) || fail "a library in $lib differs from its recorded checksum: run $0 --force"
  fi
  exit 0
}

force=0
case ${1:-} in
  '') ;;
  --force) force=1 ;;
  --check) check ;;
  --help | -h) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

mkdir -p "$native" 2>/dev/null && [ -w "$native" ] ||
  fail "cannot write the cache folder $native: make it writable or set QUIRE_CACHE to a folder that is"

# One set-up at a time; the kernel drops the lock when its holder dies. Without flock (macOS) only links are made, and
# two at once do the same harmless thing.
if command -v flock >/dev/null 2>&1; then
  exec 9>"$native/.lock" || fail "cannot write $native/.lock"
  if ! flock -n 9; then
    say "waiting for another set-up to finish"
    flock -w 600 9 || fail "another set-up has held $native/.lock for ten minutes: end it and try again"
  fi
  if [ $force -eq 0 ] && [ -e "$lib/complete" ] && [ -e "$lib/libunicorn.so.2" ]; then exit 0; fi
fi

if [ "$(uname -s)" = Darwin ]; then
  from_homebrew
  exit 0
fi
if [ $force -eq 0 ] && from_system; then exit 0; fi

# No set-up but this one runs now, so every older work folder is a dead one's.
rm -rf "$native"/.work.* 2>/dev/null
work=$(mktemp -d "$native/.work.XXXXXX") || fail "cannot write $native"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
: >"$work/log"
from_apt
install_staged
