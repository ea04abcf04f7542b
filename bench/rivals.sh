#!/usr/bin/env bash
# Makes one virtual environment per rival under bench/.rivals (not tracked): rivals disagree about NumPy,
# and none of them may become a dependency of the package.
#   bench/rivals.sh [NAME ...]
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

needs() {
    case $1 in
    anonymeter) echo "anonymeter==1.1.0 numpy<1.27" ;;
    gower) echo "gower==0.1.2 pandas scipy" ;;
    sdmetrics) echo "sdmetrics==0.32.0" ;;
    faiss) echo "faiss-cpu==1.15.1" ;;
    sklearn) echo "scikit-learn>=1.5" ;;
    *) echo "rivals.sh: $1: expected anonymeter, gower, sdmetrics, faiss or sklearn" >&2; exit 2 ;;
    esac
}

for name in "${@:-anonymeter gower sdmetrics faiss sklearn}"; do
    for rival in $name; do
        requirements=$(needs "$rival")
        [ -e ".rivals/$rival/ready" ] && continue
        rm -rf ".rivals/$rival"
        "$python" -m venv ".rivals/$rival"
        # shellcheck disable=SC2086  # one requirement a word
        ".rivals/$rival/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
        touch ".rivals/$rival/ready"
        echo "bench/.rivals/$rival: $requirements"
    done
done
