#!/usr/bin/env bash
# The tables of docs/results.md on accuracy: ResNet-20 on CIFAR-10 through schedules for two cores, with nearest, clipped and calibrated levels.
#
#     benches/accuracy.sh WEIGHTS.safetensors CIFAR_DIR OUT_DIR [ROW...]
#
# Prints a row for each line of the list below, as `levels bits scale device core noise drift adc images | float quantized core deviation` in percent; keeps the
# calibrated weights, the schedules and the figures as JSON in OUT_DIR, and goes on where it was stopped. ROWs choose lines by their text.
set -euo pipefail
weights=$1 data=$2 out=$3
shift 3
bin=${ELIGHT_BIN:-$(dirname "$0")/../target/release}
fixtures=$(dirname "$0")/../fixtures/devices
model=(--model resnet20 --data "$data" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)
mkdir -p "$out"

# levels (nearest, clipped or calibrated), bits, scale, device, core, noise, drift in seconds, bits of the ADC, images
rows=$(
    for bits in 2 3 4 5 6 7 8; do
        for scale in row layer; do
            echo "nearest $bits $scale elight 9x9 optical-pcm - - 10000"
        done
    done
)"
nearest 4 row uniform.toml 9x9 optical-pcm - - 10000
nearest 4 row staircase.toml 9x9 optical-pcm - - 10000
clipped 4 row elight 9x9 optical-pcm - - 10000
calibrated 2 row elight 9x9 optical-pcm - - 10000
calibrated 3 row elight 9x9 optical-pcm - - 10000
calibrated 4 row elight 9x9 optical-pcm - - 10000
calibrated 4 layer elight 9x9 optical-pcm - - 10000
calibrated 6 row elight 9x9 optical-pcm - - 10000
calibrated 6 layer elight 9x9 optical-pcm - - 10000
nearest 4 row elight 64x64 optical-pcm - - 10000
calibrated 4 row elight 64x64 optical-pcm - - 10000
nearest 4 row elight 9x9 electrical-pcm - - 2000
nearest 4 row elight 64x64 electrical-pcm - - 2000
calibrated 4 row elight 9x9 electrical-pcm - - 2000
calibrated 4 row elight 9x9 electrical-pcm 86400 - 2000
calibrated 4 row elight 9x9 - - 8 500
calibrated 4 row elight 9x9 - - 6 500
calibrated 4 row elight 64x64 - - 8 500
calibrated 4 row elight 64x64 - - 6 500
"
while read -r kind bits scale device core noise drift adc images; do
    [ -n "$kind" ] || continue
    line="$kind $bits $scale $device $core $noise $drift $adc $images"
    for want in "$@"; do
        case $line in *"$want"*) ;; *) continue 2 ;; esac
    done
    case $device in *.toml) device=$fixtures/$device ;; esac
    name=${line// /_}
    used=$weights quantize=(--bits "$bits" --scale "$scale" --device "$device")
    if [ "$kind" = calibrated ]; then
        used=$out/calibrated_${bits}_${scale}_$(basename "$device").safetensors
        [ -s "$used" ] || "$bin/elight-train" calibrate "$weights" -o "$used" "${model[@]}" "${quantize[@]}" >"$used.log"
        quantize=(--device "$device")
    elif [ "$kind" = clipped ]; then
        quantize+=(--calibrate)
    fi
    if [ ! -s "$out/$name.json" ]; then
        "$bin/elight-plan" "$used" "${quantize[@]}" --core "$core" -o "$out/$name.elight" --quiet --no-verify
        options=(--seeds 2 --layer-images 0)
        [ "$noise" = - ] || options+=(--noise "$noise")
        [ "$drift" = - ] || options+=(--drift "$drift")
        [ "$adc" = - ] || options+=(--adc "$adc" --dac 8)
        "$bin/elight-sim" "$out/$name.elight" --weights "$used" "${model[@]}" --device "$device" --images "$images" \
            "${options[@]}" --quiet --json >"$out/$name.json.part"
        mv "$out/$name.json.part" "$out/$name.json"
    fi
    python3 - "$line" "$out/$name.json" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[2]))
figures = r["float"]["top1_percent"], r["quantized"]["top1_percent"], r["core_top1_mean_percent"], r["core_top1_deviation_percent"]
print(sys.argv[1], "|", *("%.2f" % f for f in figures), "of", r["float"]["images"], flush=True)
PYTHON
done <<<"$rows"
