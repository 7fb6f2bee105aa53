#!/bin/sh
# Twelve votes for a, eight for b.
set -e
for n in 1 2 3 4; do
  for vote in a b a b a; do curl -fsS -X POST "http://vote/$vote"; done
done
