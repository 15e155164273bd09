#!/bin/sh
# Makes the virtual environments of the Python tests; does nothing where they are up to date.
#
#   tests/setup_python.sh            .venv          official SDKs and pytest
#   tests/setup_python.sh litellm    .cache/litellm LiteLLM's proxy (large, optional)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case "${1:-sdk}" in
sdk) venv="$root/.venv" wanted="$root/tests/requirements.txt" ;;
litellm) venv="$root/.cache/litellm" wanted="$root/tests/requirements-litellm.txt" ;;
*) echo "usage: $0 [sdk|litellm]" >&2; exit 2 ;;
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
