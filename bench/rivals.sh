#!/usr/bin/env bash
# Makes one virtual environment per rival under bench/.rivals (not tracked): rivals disagree about NumPy,
# and none of them may become a dependency of the package. A rival is made once; to make it again,
# remove its folder.
#   bench/rivals.sh [NAME ...]
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
everybody="anonymeter arfpy distrax exam faiss flowjax gower nflows onedal pykdtree scipy sdmetrics sdv sklearn syntheval zuko"

needs() {
    case $1 in
    anonymeter) echo "anonymeter==1.1.0 numpy==1.26.4 numba==0.68.1" ;;
    arfpy) echo "arfpy==0.1.1 numpy==1.26.4 pandas==2.1.4 scipy==1.13.1 scikit-learn==1.5.2" ;;
    distrax) echo "distrax==0.1.9 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6" ;;
    exam) echo "lightgbm==4.7.0 lifelines==0.30.3 scikit-learn==1.9.1 polars==2.1.0 pandas==2.3.3 numpy==2.4.6" ;;
    faiss) echo "faiss-cpu==1.15.1 numpy==2.4.6" ;;
    flowjax) echo "flowjax==19.1.2 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6" ;;
    gower) echo "gower==0.1.2 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1" ;;
    nflows) echo "nflows==0.14 torch==2.13.0 numpy==2.4.6" ;;
    onedal) echo "scikit-learn-intelex==2026.2.0 scikit-learn==1.9.1 numpy==2.4.6" ;;
    pykdtree) echo "pykdtree==1.4.3 numpy==2.4.6" ;;
    scipy) echo "scipy==1.17.1 numpy==2.4.6" ;;
    sdmetrics) echo "sdmetrics==0.32.0 numpy==2.4.6 pandas==2.3.3" ;;
    sdv) echo "sdv==2.0.0 ctgan==0.12.1 torch==2.13.0 numpy==2.4.6 pandas==2.3.3" ;;
    sklearn) echo "scikit-learn==1.9.1 numpy==2.4.6" ;;
    syntheval) echo "syntheval==1.7.3" ;;
    zuko) echo "zuko==1.6.0 torch==2.13.0 numpy==2.4.6" ;;
    *) echo "rivals.sh: $1: expected one of $everybody" >&2; exit 2 ;;
    esac
}

for rival in ${*:-$everybody}; do
    requirements=$(needs "$rival")
    [ -e ".rivals/$rival/ready" ] && continue
    rm -rf ".rivals/$rival"
    "$python" -m venv ".rivals/$rival"
    # shellcheck disable=SC2086  # one requirement a word
    ".rivals/$rival/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
    touch ".rivals/$rival/ready"
    echo "bench/.rivals/$rival: $requirements"
done
