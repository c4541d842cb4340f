# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what a layer of tests, the build or the demonstration needs. Sourced, from the top of the tree.

# needed GROUP...: names of the packages, from tests/packages.
needed() {
        local group
        for group in "$@"; do
                sed -n "s/^$group: //p" tests/packages
        done | tr ' ' '\n' | sort -u
}

build_dependencies() {
        sed -n '/^Build-Depends:/,/^$/p' packaging/debian/control | tr ',' '\n' |
                sed -e 's/^Build-Depends://' -e 's/(.*)//' -e 's/ //g' \
                        -e 's/^debhelper-compat$/debhelper/' -e '/^dh-sequence-/d' -e '/^$/d'
        echo build-essential
}

missing() {
        local package
        for package in "$@"; do
                dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || echo "$package"
        done
}

# install_packages PACKAGE...: those that are missing, without questions. Output only when it fails.
install_packages() {
        local wanted log
        mapfile -t wanted < <(missing "$@")
        [ ${#wanted[@]} -gt 0 ] || return 0
        if [ "$(id -u)" != 0 ]; then
                echo "not root, and these packages are missing: ${wanted[*]}" >&2
                return 1
        fi
        log=$(mktemp)
        if ! { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 update &&
                DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
                        install --no-install-recommends "${wanted[@]}"; } >"$log" 2>&1; then
                tail -n 30 "$log" >&2
                rm -f "$log"
                return 1
        fi
        rm -f "$log"
}
