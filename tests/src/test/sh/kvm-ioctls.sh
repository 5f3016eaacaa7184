#!/usr/bin/env bash
# Builds the unit tests of the crate kvm-ioctls, unmodified, from Debian's packages of the suite unstable: a private
# download by the apt client (own lists and cache, the machine's mirror and archive key, no root), then cargo, offline.
# usage: kvm-ioctls.sh FOLDER; the last line printed is the test program. Exit 3: something is missing, one line says what.
set -u

work=$(mkdir -p "$1" && cd "$1" && pwd) || exit 2

missing() {
  echo "kvm-ioctls: $*" >&2
  exit 3
}

command -v apt-get >/dev/null || missing "no apt-get here"
command -v cargo >/dev/null || missing "no cargo here"
# rustup's cargo looks for its toolchains below HOME, which need not be the user's own.
if ! cargo --version >/dev/null 2>&1; then
  RUSTUP_HOME=$(getent passwd "$(id -u)" | cut -d: -f6)/.rustup
  export RUSTUP_HOME
fi
minor=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')
[ "${minor:-0}" -ge 85 ] || missing "cargo 1.85 or newer is needed, here is $(cargo --version 2>&1 | head -n 1)"

# The archive's address: wherever the machine's own apt gets Debian's main archive from.
mirror=$(apt-get -o Debug::NoLocking=1 -o Dir::State::Lists="$work/none" --print-uris update 2>/dev/null |
  sed -n "s|^'\(.*/debian\)/dists/[^']*/InRelease'.*|\1|p" | head -n 1)
[ -n "$mirror" ] || missing "this machine's apt names no Debian archive"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || missing "no $keyring"

mkdir -p "$work/state" "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror unstable main" >"$work/kvm.list"
{
  apt-config dump | grep '^Acquire::'
  cat <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$work/kvm.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$work/state";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "1";
CONF
} >"$work/apt.conf"
export APT_CONFIG=$work/apt.conf
apt-get update -q >"$work/log" 2>&1 || missing "the package lists cannot be had: $(tail -n 1 "$work/log")"
packages=$(apt-get install -s --no-install-recommends librust-kvm-ioctls-dev librust-byteorder-dev 2>>"$work/log" |
  sed -n 's/^Inst \(librust-[^ ]*\) .*/\1/p')
[ -n "$packages" ] || missing "the suite unstable has no librust-kvm-ioctls-dev that can be installed"
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get download -q $packages >>"$work/log" 2>&1) ||
  missing "the packages cannot be had: $(tail -n 1 "$work/log")"
unset APT_CONFIG
for package in "$work"/debs/*.deb; do
  dpkg-deb -x "$package" "$work/root" || missing "cannot unpack $package"
done

source=$(find "$work/root" -type d -name 'kvm-ioctls-0.25.*' | head -n 1)
[ -n "$source" ] || missing "the package is not version 0.25"
crates=${source%/*} # where all the packages put theirs
rm -rf "$work/build"
cp -r "$source" "$work/build"
rm -f "$work/build/.cargo-checksum.json"
mkdir -p "$work/build/.cargo"
cat >"$work/build/.cargo/config.toml" <<CONF
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$crates"
CONF
cd "$work/build" || exit 2
CARGO_HOME=$work/cargo cargo test --offline --no-run --lib --message-format=json 2>"$work/cargo.log" >"$work/cargo.json" ||
  missing "cargo cannot build it: $(grep -m 1 '^error' "$work/cargo.log")"
sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' "$work/cargo.json" | tail -n 1
