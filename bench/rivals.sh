#!/usr/bin/env bash
# Makes one virtual environment per rival under bench/.rivals (not tracked): rivals disagree about NumPy,
# and none of them may become a dependency of the package. A rival is made once; to make it again,
# remove its folder.
#   bench/rivals.sh [NAME ...]
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
everybody="anonymeter arfpy distrax exam faiss flowjax gower mostlyai nflows onedal pykdtree scipy sdmetrics sdv sklearn syntheval tabddpm zuko"

needs() {
    case $1 in
    anonymeter) echo "anonymeter==1.1.0 numpy==1.26.4 numba==0.68.1" ;;
    arfpy) echo "arfpy==0.1.1 numpy==1.26.4 pandas==2.1.4 scipy==1.13.1 scikit-learn==1.5.2" ;;
    distrax) echo "distrax==0.1.9 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6" ;;
    exam) echo "lightgbm==4.7.0 lifelines==0.30.3 scikit-learn==1.9.1 polars==2.1.0 pandas==2.3.3 numpy==2.4.6" ;;
    faiss) echo "faiss-cpu==1.15.1 numpy==2.4.6" ;;
    flowjax) echo "flowjax==19.1.2 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6" ;;
    gower) echo "gower==0.1.2 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1" ;;
    mostlyai) echo "torch==2.13.0 accelerate==1.15.0 datasets==5.2.0 huggingface_hub==2.4.0 joblib==1.6.0 json_repair==0.64.6 numpy==2.4.6 opacus==1.6.0 pandas==3.1.1 peft==0.21.2 psutil==5.9.8 pyarrow==26.0.1 scikit-learn==1.9.1 tokenizers==0.23.3 transformers==5.24.0 xgrammar==0.2.9" ;;
    nflows) echo "nflows==0.14 torch==2.13.0 numpy==2.4.6" ;;
    onedal) echo "scikit-learn-intelex==2026.2.0 scikit-learn==1.9.1 numpy==2.4.6" ;;
    pykdtree) echo "pykdtree==1.4.3 numpy==2.4.6" ;;
    scipy) echo "scipy==1.17.1 numpy==2.4.6" ;;
    sdmetrics) echo "sdmetrics==0.32.0 numpy==2.4.6 pandas==2.3.3" ;;
    sdv) echo "sdv==2.0.0 ctgan==0.12.1 torch==2.13.0 numpy==2.4.6 pandas==2.3.3" ;;
    sklearn) echo "scikit-learn==1.9.1 numpy==2.4.6" ;;
    syntheval) echo "syntheval==1.7.3" ;;
    tabddpm) echo "torch==2.13.0 numpy==1.26.4 pandas==2.1.4 scikit-learn==1.5.2 scipy==1.13.1 cloudpickle==3.1.3 fastcore==1.7.29 fflows==0.0.3 geomloss==0.3.1 importlib_metadata==10.2.0 lifelines==0.29.0 loguru==0.7.3 networkx==2.8.8 nflows==0.14 opacus==1.6.0 optuna==5.0.0 pgmpy==0.1.26 pycox==0.3.0 pydantic==2.14.4 redis==8.1.0 tenacity==9.2.1 tqdm==4.70.1 xgboost==2.1.4" ;;
    zuko) echo "zuko==1.6.0 torch==2.13.0 numpy==2.4.6" ;;
    *) echo "rivals.sh: $1: expected one of $everybody" >&2; exit 2 ;;
    esac
}

# What declares dependencies that cannot be had beside the rest of its environment and that its tables do
# not need (images, audio, other generators): installed without them.
alone() {
    case $1 in
    mostlyai) echo "mostlyai-engine==2.7.3" ;;
    tabddpm) echo "synthcity==0.2.12" ;;
    esac
}

for rival in ${*:-$everybody}; do
    requirements=$(needs "$rival")
    [ -e ".rivals/$rival/ready" ] && continue
    rm -rf ".rivals/$rival"
    "$python" -m venv ".rivals/$rival"
    # shellcheck disable=SC2086  # one requirement a word
    ".rivals/$rival/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
    # shellcheck disable=SC2046
    [ -z "$(alone "$rival")" ] || ".rivals/$rival/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps $(alone "$rival")
    touch ".rivals/$rival/ready"
    echo "bench/.rivals/$rival: $requirements"
done
