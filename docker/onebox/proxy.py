"""The reverse proxy (nginx) in front of the web process: it limits heads, bodies and connections (docs/limits.md).

The web process listens on a socket file that only root can reach, so that nobody gets past the limits.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from onebox import environment
from onebox.instance import ROOT, Instance

NGINX = "/usr/sbin/nginx"
#: nginx writes its title over its environment, by which processes are known: the shell that waits for it keeps one.
SHELL = "/bin/sh"
SHARED = ROOT / "docker" / "proxy"
#: Connections of one worker, with those to the web process.
CONNECTIONS = 4096

_MAIN = """\
daemon off;
user root;
worker_processes 2;
worker_rlimit_nofile {files};
error_log stderr crit; # less serious lines repeat addresses, and so tickets
pid {var}/nginx.pid;
events {{
    worker_connections {connections};
}}
http {{
    include {shared}/limits.conf;
    access_log off;
    client_body_temp_path {var}/body;
    proxy_temp_path {var}/answers;
    fastcgi_temp_path {var}/fastcgi;
    uwsgi_temp_path {var}/uwsgi;
    scgi_temp_path {var}/scgi;
    upstream web {{
        server unix:{socket};
        keepalive 32;
    }}
    server {{
        listen {address}:{port};
        include {shared}/answers.conf;
        location / {{
            proxy_pass http://web;
        }}
    }}
}}
"""


def web_socket(instance: Instance) -> Path:
    """Return the socket file of the web process; short, as the kernel takes no more than 107 bytes."""
    mark = sha256(str(instance.var).encode()).hexdigest()[:16]
    directory = Path("/run/scloudstack") / f"web-{mark}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory / "web.sock"


def settings_file(instance: Instance) -> Path:
    """Return the path of nginx's configuration."""
    return instance.var / "proxy" / "nginx.conf"


def arguments(instance: Instance) -> tuple[str, ...]:
    """Return what to give the shell."""
    nginx = (NGINX, "-p", str(instance.var), "-e", "stderr", "-c", str(settings_file(instance)))
    return ("-c", '"$0" "$@"; exit $?', *nginx)


def configure(instance: Instance) -> None:
    """Write nginx's configuration."""
    file = settings_file(instance)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = environment.web_address()
    file.write_text(
        _MAIN.format(
            var=file.parent,
            shared=SHARED,
            socket=web_socket(instance),
            address=f"[{address}]" if ":" in address else address,
            port=instance.web_port,
            connections=CONNECTIONS,
            files=4 * CONNECTIONS,
        )
    )
