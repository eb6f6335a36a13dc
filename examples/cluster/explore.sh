#!/bin/sh
# explore.sh I N: makes shard I of N. explore.sh merge N: puts N shards together. WEIGHTS and STATE say where things are.
set -eu
: "${WEIGHTS:=network.safetensors}" "${STATE:=state}"

if [ "$1" = merge ]; then
    set -- $(seq -f "$STATE/%.0f" "$2")
    exec elight-plan merge "$@" --csv points.csv --report points.html
fi

exec elight-plan explore "$WEIGHTS" --shard "$1/$2" --state "$STATE/$1" \
    --core 9x9,16x16,32x32,64x64 --fanout cell,column --bits 2,3,4,5,6 --device elight,gsse-heater \
    --extra-steps none,25,100 --batch 1,64,auto --system lightening --vectors '*=1'
