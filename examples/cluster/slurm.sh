#!/bin/sh
# job=$(sbatch --parsable slurm.sh)
# sbatch --dependency=afterok:$job --wrap './explore.sh merge 8'
#SBATCH --job-name=elight
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --requeue
# A task that is requeued goes on from what it has planned.
exec ./explore.sh "$SLURM_ARRAY_TASK_ID" 8
