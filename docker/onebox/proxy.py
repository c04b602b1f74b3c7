"""The reverse proxy (nginx) in front of the web process: it limits heads, bodies and connections (docs/limits.md).

The web process listens on a socket file that only root and nginx's workers can reach: nobody gets past the limits.
nginx's master reads the settings as root; its workers, which read what clients send, run as an unprivileged user.
"""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

from onebox import environment
from onebox.instance import ROOT, Instance

NGINX = "/usr/sbin/nginx"
#: Who its workers run as; Debian has the user and its group in every system.
USER = "www-data"
#: nginx writes its title over its environment, by which processes are known: the shell that waits for it keeps one.
SHELL = "/bin/sh"
SHARED = ROOT / "docker" / "proxy"
#: The same in every form of deployment.
INCLUDED = ("limits.conf", "answers.conf", "headers.conf")
#: Told to browsers where the platform is reached by HTTPS only; as settings/accounts.py has it.
HSTS = "max-age=31536000"
#: Connections of one worker, with those to the web process.
CONNECTIONS = 4096

_MAIN = """\
daemon off;
user {user};
worker_processes 2;
worker_rlimit_nofile {files};
error_log stderr crit; # less serious lines repeat addresses, and so tickets
pid {var}/nginx.pid;
events {{
    worker_connections {connections};
}}
http {{
    include limits.conf;
    map "" $forwarded_for {{ default $proxy_add_x_forwarded_for; }}
    access_log off;
    map $server_port $hsts {{
        default "{hsts}";
    }}
    client_body_temp_path {run}/body;
    proxy_temp_path {run}/answers;
    fastcgi_temp_path {run}/fastcgi;
    uwsgi_temp_path {run}/uwsgi;
    scgi_temp_path {run}/scgi;
    upstream web {{
        server unix:{socket};
        keepalive 32;
    }}
    server {{
        listen {address}:{port};
        include answers.conf;
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
    directory.mkdir(mode=0o710, parents=True, exist_ok=True)
    directory.parent.chmod(
        directory.parent.stat().st_mode | 0o011
    )  # whatever the umask: workers go through it
    directory.chmod(0o710)
    shutil.chown(directory, group=USER)
    return directory / "web.sock"


def remove_socket(instance: Instance) -> None:
    """Remove the directory of the web process's socket; for an instance whose processes have ended."""
    shutil.rmtree(web_socket(instance).parent, ignore_errors=True)


def settings_file(instance: Instance) -> Path:
    """Return the path of nginx's configuration."""
    return instance.var / "proxy" / "nginx.conf"


def arguments(instance: Instance) -> tuple[str, ...]:
    """Return what to give the shell."""
    nginx = (NGINX, "-p", str(instance.var), "-e", "stderr", "-c", str(settings_file(instance)))
    return ("-c", '"$0" "$@"; exit $?', *nginx)


def configure(instance: Instance) -> None:
    """Write nginx's configuration and, beside it, the files it includes."""
    file = settings_file(instance)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in INCLUDED:
        shutil.copyfile(SHARED / name, file.parent / name)
    address = environment.web_address()
    file.write_text(
        _MAIN.format(
            var=file.parent,
            socket=web_socket(instance),
            run=web_socket(instance).parent,
            user=USER,
            hsts=HSTS if _is_https(instance) else "",
            address=f"[{address}]" if ":" in address else address,
            port=instance.web_port,
            connections=CONNECTIONS,
            files=4 * CONNECTIONS,
        )
    )


def _is_https(instance: Instance) -> bool:
    return environment.for_process(instance).get("SCLOUD_HTTPS", "") in {"1", "true", "yes"}
