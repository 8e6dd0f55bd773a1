#!/bin/sh
# Run every measurement, one after the other: about half an hour on two cores. Output is markdown.
set -u
cd "$(dirname "$0")/.." || exit 1
python=.venv/bin/python
status=0
for program in end_to_end latency idle backlog oversize pop3 analysis list_archive \
    relay many_recipients black_holes comeback qmqp; do
    "$python" -m "bench.$program" || status=1
done
exit $status
