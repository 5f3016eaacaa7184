#!/bin/sh
# Builds the guests of guests.txt into bin/ and writes bin/manifest.json.
# The same compilers give the same bytes: no build id, no paths, no dates, stripped.
# usage: build.sh [--out DIR] [GUEST..]     (with guest names: builds those, leaves the manifest)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/bin
if [ "${1:-}" = --out ]; then
  out=${2:?--out wants a directory}
  shift 2
fi
only="$*"

need() {
  command -v "$1" >/dev/null 2>&1 || {
    echo "build.sh: $1 not found; install it: apt-get install $2" >&2
    exit 3
  }
}
need gcc "gcc binutils"
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
[ "$(gcc -dumpmachine | cut -d- -f1)" = x86_64 ] || {
  echo "build.sh: gcc does not build for x86_64; set PATH so that gcc is an x86_64 compiler" >&2
  exit 3
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$out"
LC_ALL=C
SOURCE_DATE_EPOCH=0
export LC_ALL SOURCE_DATE_EPOCH
umask 022

common="-std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector
 -fno-stack-clash-protection -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-common
 -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns -fno-tree-vectorize
 -fno-tree-slp-vectorize -ffp-contract=off -fno-ident -fno-record-gcc-switches -frandom-seed=quire
 -ffile-prefix-map=$here=. -Wall -Wextra -Werror -U_FORTIFY_SOURCE"
link="-nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack
 -Wl,--no-warn-rwx-segments -Wl,-z,max-page-size=4096 -Wl,--hash-style=gnu"

tools() { # sets cc, objcopy, flags, kernel flags of an architecture
  case $1 in
    x86_64)
      cc=gcc objcopy=objcopy
      flags="-m64 -march=x86-64 -mtune=generic -mcmodel=small -mno-red-zone -fcf-protection=none"
      ;;
    arm64)
      cc=aarch64-linux-gnu-gcc objcopy=aarch64-linux-gnu-objcopy
      flags="-march=armv8-a -mtune=generic -mno-outline-atomics -mstrict-align
 -mbranch-protection=none -mcmodel=small"
      ;;
  esac
  kernel="-mgeneral-regs-only"
}

compile() { # architecture, source -> object named after it
  object=$work/$1/$(basename "$2" | sed 's/\.[cS]$//').o
  case $2 in
    *.user.c) set -- "$1" "$2" "" ;;
    *) set -- "$1" "$2" "$kernel" ;;
  esac
  # shellcheck disable=SC2086
  (cd "$here/src" && $cc $common $flags $3 -I common -I "$1" -c "$2" -o "$object")
}

build() { # name, architecture
  name=$1 arch=$2
  objects=
  for source in "$here/src/guests/$name-$arch"*.[cS] "$here/src/guests/$name.c" \
    "$here/src/guests/$name.user.c"; do
    if [ -f "$source" ]; then
      compile "$arch" "${source#"$here"/src/}"
      objects="$objects $object"
    fi
  done
  [ -n "$objects" ] || { echo "build.sh: no source for $name-$arch" >&2; exit 2; }
  others=$(find "$work/$arch/base" -name '*.o' | sort)
  echo "const char guest_name[] = \"$name-$arch\";" >"$work/$arch/name.c"
  entry=_start
  [ "$name" != multiboot ] || entry=multiboot_start
  # shellcheck disable=SC2086
  {
    (cd "$work/$arch" && $cc $common $flags $kernel -c name.c -o name.o)
    $cc $flags $link -Wl,-e,$entry -T "$here/src/$arch/link.ld" $others $objects \
      "$work/$arch/name.o" -o "$work/$arch/$name.elf"
  }
  if [ "$arch" = arm64 ]; then
    $objcopy -O binary "$work/$arch/$name.elf" "$out/$name-$arch"
  elif [ "$name" = multiboot ]; then
    $objcopy --strip-all -O elf32-i386 "$work/$arch/$name.elf" "$out/$name-$arch"
  else
    $objcopy --strip-all "$work/$arch/$name.elf" "$out/$name-$arch"
  fi
  chmod 644 "$out/$name-$arch"
}

for arch in x86_64 arm64; do
  tools $arch
  mkdir -p "$work/$arch/base"
  for source in "$here"/src/common/*.c "$here/src/$arch"/*.c "$here/src/$arch"/*.S; do
    compile $arch "${source#"$here"/src/}"
    mv "$object" "$work/$arch/base/"
  done
done

field() { # line, number
  echo "$1" | cut -d'|' -f"$2" | sed 's/^ *//; s/ *$//'
}

manifest=$work/manifest.json
{
  printf '{\n  "compilers": {"x86_64": "%s", "arm64": "%s"},\n  "images": [' \
    "$(gcc --version | head -n 1)" "$(aarch64-linux-gnu-gcc --version | head -n 1)"
  separator=
  grep -v '^#' "$here/guests.txt" | while IFS= read -r line; do
    name=$(field "$line" 1)
    for arch in $(field "$line" 2); do
      case " $only " in
        "  " | *" $name "* | *" $name-$arch "*) ;;
        *) continue ;;
      esac
      tools "$arch"
      build "$name" "$arch"
      status=$(field "$line" 5)
      case $status in
        pass) expected="PASS $name-$arch" ;;
        *) expected=$(field "$line" 7) ;;
      esac
      case $name-$arch in
        multiboot-*) protocol=multiboot ;;
        *-x86_64) protocol=elf64 ;;
        *) protocol=image ;;
      esac
      printf '%s\n    {"name": "%s", "arch": "%s", "file": "%s", "protocol": "%s",\n' \
        "$separator" "$name-$arch" "$arch" "$name-$arch" "$protocol"
      printf '     "purpose": "%s",\n' "$(field "$line" 6)"
      printf '     "expected": "%s", "status": "%s", "cpus": %s, "memory": "%s",\n' \
        "$expected" "$status" "$(field "$line" 3)" "$(field "$line" 4)"
      printf '     "sha256": "%s", "size": %s}' \
        "$(sha256sum "$out/$name-$arch" | cut -d' ' -f1)" "$(wc -c <"$out/$name-$arch")"
      separator=,
    done
  done
  printf '\n  ]\n}\n'
} >"$manifest"
if [ -z "$only" ]; then
  mv "$manifest" "$out/manifest.json"
fi
