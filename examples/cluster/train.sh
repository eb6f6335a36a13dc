#!/bin/sh
# sbatch train.sh [OPTIONS of train.py]: trains on 2 nodes with 4 GPUs each; RUN, MODEL and DATA say what and where.
#SBATCH --job-name=elight-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --requeue
# A job that is requeued, or given again, goes on from RUN/last.pt, which is written every --every steps.
set -eu
: "${RUN:=runs/resnet20}" "${MODEL:=resnet20}" "${DATA:=cifar10}"
# Processes find each other through the first node.
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
exec srun torchrun --nnodes "$SLURM_NNODES" --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint "$first:29400" --rdzv-id "$SLURM_JOB_ID" \
    ../pytorch/train.py --out "$RUN" --model "$MODEL" --data "$DATA" --augment "$@"
