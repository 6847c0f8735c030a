#!/usr/bin/env bash
# What is measured on a GPU, in at most six minutes: the CUDA tests, queries, training steps, a study on MNIST.
#
#     benchmarks/gpu.sh [FOLDER]         # results go there; without one to $OUT, else to build/gpu
#     benchmarks/gpu.sh --tiny [FOLDER]  # the same program in small, on the CPU: that the script works
#
# $DATA is the folder that holds MNIST (default shared/data). Where $JOBS is set, the study runs once more, trials
# alone in so many processes.
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
pytest=(python -m pytest -q -m cuda -n 4 -p no:cacheprovider -p no:benchmark)
query=(python benchmarks/query.py --repeats 1)
if [[ $tiny ]]; then
    part tests 200 "${pytest[@]}" "${tests[@]}"
    part steps 100 python benchmarks/steps.py --device cpu --networks mlp --batches 5 --epochs 3 --json "$out/steps.json"
    part query 100 "${query[@]}" --strategies margin --json "$out/query.json"
    study study 200 --strategy random,margin --seeds 1 --rounds 1 --device cpu
    exit
fi

part steps 40 python benchmarks/steps.py --device cuda --json "$out/steps.json"
part trial 30 python benchmarks/trial.py --data-dir "$data" --strategies random --seeds 3 --device cuda
strategies=random,margin,entropy,least-confidence,badge,coreset,cdal,alfamix,bald
common=(--preset mnist-mlp --data-dir "$data" --device cuda)
study study 60 "${common[@]}" --strategy "$strategies"
study probe 60 "${common[@]}" --strategy "$strategies" --train linear-probe --seeds 1,2,3,4,5,6,7,8,9,10
study margin 40 "${common[@]}" --strategy margin --train linear-probe --seeds "$(seq -s, 50)"
part query-50k 60 "${query[@]}" --scale cifar100 --device cuda --json "$out/query-50k.json" \
    --strategies margin,entropy,badge,coreset,cdal,bald,alfamix,coregcn
imagenet=("${query[@]}" --scale imagenet -s D=384 --device cuda)
part query-imagenet 60 "${imagenet[@]}" --json "$out/query-imagenet.json" \
    --strategies margin,entropy,badge,coreset,cdal,bald,alfamix
part query-imagenet-10k 40 "${imagenet[@]}" -s n=10000 --json "$out/query-imagenet-10k.json" \
    --strategies badge,coreset,cdal,alfamix
part query-learned 20 "${query[@]}" --scale cifar100 --device cuda --strategies alfamix \
    -o alfamix.variant=learned --json "$out/query-learned.json"
part tests 50 "${pytest[@]}" "${tests[@]}"
if [[ ${JOBS:-} ]]; then
    study study-jobs 90 "${common[@]}" --strategy "$strategies" -o run.together=off --jobs "$JOBS"
fi
