"""A client of Ceph in a process of its own, as QEMU is one: `python rbd_client.py MONITORS POOL USER IMAGE`.

The key is the first line of standard input. It opens the RBD image, writes, which takes the lock, and says "holds";
for each further line it writes again and says "written" or what went wrong.
"""

import sys

import rados
import rbd


def main(monitors: str, pool: str, user: str, name: str) -> None:
    """Hold the image's lock until standard input ends."""
    settings = {"mon_host": monitors, "key": sys.stdin.readline().strip(), "log_to_stderr": "false"}
    with (
        rados.Rados(rados_id=user, conf=settings) as cluster,
        cluster.open_ioctx(pool) as context,
        rbd.Image(context, name) as image,
    ):
        image.write(b"old", 0)
        _say("holds")
        for _line in sys.stdin:
            try:
                image.write(b"late", 0)
                _say("written")
            except rbd.Error as error:
                _say(f"refused: {type(error).__name__}")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
