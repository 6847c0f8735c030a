#!/usr/bin/env bash
# What is measured on a GPU, in at most six minutes: the CUDA tests, queries, training steps, a study on MNIST.
#
#     benchmarks/gpu.sh [FOLDER]         # results go there; without one to $OUT, else to build/gpu
#     benchmarks/gpu.sh --tiny [FOLDER]  # the same program in small, on the CPU: that the script works
#
# $DATA is the folder that holds MNIST (default shared/data), $JOBS the number of the study's processes.
# Each part has a time limit of its own: one that hangs loses itself alone. parts.jsonl says how each ended,
# log.txt what each printed; figures are in the other files.
set -uo pipefail
cd "$(dirname "$0")/.."

tiny=
if [[ "${1:-}" == "--tiny" ]]; then
    tiny=yes
    shift
fi
out="${1:-${OUT:-build/gpu}}"
data="${DATA:-shared/data}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
: >"$out/parts.jsonl"
: >"$out/log.txt"
runs="$(mktemp -d)"
trap 'rm -rf "$runs"' EXIT

export PYTHONPATH="$PWD:$PWD/plugins${PYTHONPATH:+:$PYTHONPATH}" OMP_WAIT_POLICY=PASSIVE
export ALFRAME_TEST_DATA="$data"

# part NAME SECONDS COMMAND...
part() {
    local name="$1" limit="$2" begun status
    shift 2
    begun="$SECONDS"
    printf '\n== %s: %s\n' "$name" "$*" >>"$out/log.txt"
    timeout --kill-after=5 "$limit" "$@" >>"$out/log.txt" 2>&1
    status=$?
    printf '{"part": "%s", "seconds": %d, "limit": %d, "exit": %d}\n' \
        "$name" "$((SECONDS - begun))" "$limit" "$status" | tee -a "$out/parts.jsonl"
}

# study NAME SECONDS ARGUMENTS...: its results go to NAME.json
study() {
    local name="$1" limit="$2"
    shift 2
    part "$name" "$limit" bash -c 'exec "$@" >"$0"' "$out/$name.json" \
        python -m alframe_cli run --out "$runs/$name" --display none --json -o model.dropout=0.5 "$@"
}

mapfile -t tests < <(grep -rl --include='test_*.py' 'mark\.cuda' tests)
pytest=(python -m pytest -q -m cuda -p no:cacheprovider)
query=(python benchmarks/query.py --repeats 1)
if [[ $tiny ]]; then
    part tests 200 "${pytest[@]}" "${tests[@]}"
    part steps 100 python benchmarks/steps.py --device cpu --networks mlp --batches 5 --epochs 3 --json "$out/steps.json"
    part query 100 "${query[@]}" --strategies margin --json "$out/query.json"
    study study 200 --strategy random,margin --seeds 1 --rounds 1 --device cpu
    exit
fi

part tests 60 "${pytest[@]}" "${tests[@]}"
part steps 50 python benchmarks/steps.py --device cuda --json "$out/steps.json"
part trial 20 python benchmarks/trial.py --data-dir "$data" --strategies random --seeds 3 --device cuda
part query-50k 50 "${query[@]}" --scale cifar100 --device cuda --json "$out/query-50k.json" \
    --strategies margin,entropy,badge,coreset,cdal,bald,alfamix,coregcn
part query-imagenet 60 "${query[@]}" --scale imagenet -s D=384 --device cuda \
    --strategies margin,entropy,badge,coreset,cdal,bald,alfamix --json "$out/query-imagenet.json"
part query-learned 20 "${query[@]}" --scale cifar100 --device cuda --strategies alfamix \
    -o alfamix.variant=learned --json "$out/query-learned.json"
strategies=random,margin,entropy,least-confidence,badge,coreset,cdal,alfamix,bald
common=(--preset mnist-mlp --data-dir "$data" --strategy "$strategies" --device cuda)
study study-together 40 "${common[@]}"
study study-jobs 60 "${common[@]}" -o run.together=off --jobs "${JOBS:-8}"
