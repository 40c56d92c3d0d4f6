#!/usr/bin/env bash
# Builds test/fixtures/linux/vmlinux-svm.gz from Debian's Linux source. What was built is kept in .cache/linux under the hash
# of its configuration, so a second run takes no time. Needs Debian 12 with: linux-source-6.1 gcc-powerpc64le-linux-gnu bc bison
# flex libelf-dev libssl-dev make xz-utils. About ten minutes on two processors.
# Usage: test/linux/build-kernel.sh [--install]     --install puts the result among the fixtures
set -euo pipefail
cd "$(dirname "$0")/../.."

fragment=test/fixtures/linux/config.fragment
source=/usr/src/linux-source-6.1.tar.xz
[ -f "$source" ] || { echo "build-kernel.sh: $source is missing: apt-get install linux-source-6.1" >&2; exit 2; }
version=$(dpkg-query -W -f='${Version}' linux-source-6.1)
hash=$( (cat "$fragment"; echo "$version") | sha256sum | cut -c1-16)
out=$PWD/.cache/linux/$hash
kernel=$out/vmlinux

if [ ! -f "$kernel" ]; then
  mkdir -p "$out/build"
  trap 'rm -rf "$out/build"' EXIT
  tar xf "$source" -C "$out/build" --strip-components=1
  make=(make -C "$out/build" ARCH=powerpc CROSS_COMPILE=powerpc64le-linux-gnu-)
  "${make[@]}" KCONFIG_ALLCONFIG="$PWD/$fragment" allnoconfig >/dev/null
  # The build must not depend on who built it, when and where.
  export KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=pef-debug KBUILD_BUILD_HOST=pef-debug
  "${make[@]}" -j"$(nproc)" vmlinux
  powerpc64le-linux-gnu-strip --strip-debug -o "$kernel.part" "$out/build/vmlinux"
  mv "$kernel.part" "$kernel"
fi
echo "$kernel"
if [ "${1:-}" = --install ]; then gzip -9 -n -c "$kernel" > test/fixtures/linux/vmlinux-svm.gz; fi
