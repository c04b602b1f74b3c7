"""TCP throughput between network namespaces, of several streams at once.

Two limited streams in opposite directions are measured one after the other: what acknowledges one is a part of the
other's limit, and dropped as its surplus.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

SECONDS = 2.0
RECEIVE = """
import socket, sys, time
listener = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
stream, _ = listener.accept()
total, started = 0, None
while data := stream.recv(1 << 16):
    # The first half second is the limit's burst.
    started = started or time.monotonic() + 0.5
    total += len(data) if time.monotonic() > started else 0
print(8 * total / (time.monotonic() - started) / 1e6, flush=True)
"""
SEND = """
import socket, sys, time
to, port, source, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
stream = socket.create_connection((to, port), 5, (source, 0) if source else None)
end, data = time.monotonic() + seconds, bytes(1 << 14)
stream.settimeout(2)
while time.monotonic() < end:
    try:
        stream.send(data)
    except TimeoutError:
        break
stream.close()
"""
#: The start of a command line that runs the rest at the sender, the same at the receiver, its address, the sender's.
Stream = tuple[Sequence[str], Sequence[str], str] | tuple[Sequence[str], Sequence[str], str, str]


def measured(streams: dict[str, Stream]) -> dict[str, float]:
    """Run all streams at once and return the Mbit/s that arrived."""
    receivers: dict[str, subprocess.Popen[str]] = {}
    senders = []
    for number, (name, (_, receiver, *_rest)) in enumerate(streams.items()):
        words = [*receiver, "python3", "-c", RECEIVE, str(5300 + number)]
        receivers[name] = subprocess.Popen(words, text=True, stdout=subprocess.PIPE)
        out = receivers[name].stdout
        assert out is not None
        assert out.readline() == "ready\n"
    for number, (sender, _, to, *source) in enumerate(streams.values()):
        words = [*sender, "python3", "-c", SEND, to, str(5300 + number), *(source or [""]), str(SECONDS)]
        senders.append(subprocess.Popen(words))
    for process in senders:
        assert process.wait(30) == 0
    return {name: round(float(process.communicate(timeout=30)[0]), 1) for name, process in receivers.items()}
