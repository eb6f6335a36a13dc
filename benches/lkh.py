"""Compares orders of shared inputs with LKH: cargo run --release --example shared_paths | python3 benches/lkh.py

LKH is the Lin-Kernighan program of Helsgaun, as the package `elkai` brings it (pip install elkai). Processor time, one thread; ours
includes the lower bound.
"""

import json
import sys
import time

import elkai

ours = theirs = bound = 0
seconds = [0.0, 0.0]
worst = 0.0
problems = 0
for line in sys.stdin:
    problem = json.loads(line)
    matrix = problem["matrix"]
    begun = time.process_time()
    tour = elkai.solve_int_matrix(matrix, 1)
    seconds[1] += time.process_time() - begun
    length = sum(matrix[a][b] for a, b in zip(tour, tour[1:] + tour[:1]))
    ours += problem["writes"]
    bound += problem["bound"]
    theirs += length
    seconds[0] += problem["seconds"]
    worst = max(worst, problem["writes"] / length - 1)
    problems += 1
print(f"{problems} problems of {len(matrix)} nodes")
print(f"level steps: ours {ours}, LKH {theirs}: {100 * (ours / theirs - 1):+.3f} % ({100 * worst:+.3f} % in the worst), bound {bound}")
print(f"processor time: ours {1000 * seconds[0] / problems:.2f} ms, LKH {1000 * seconds[1] / problems:.2f} ms a problem: {seconds[1] / seconds[0]:.1f} times faster")
