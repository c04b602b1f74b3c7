"""The platform's own: console proxy, agents, OVN, simulated drivers, logging."""

import os
from urllib.parse import urlsplit

from scloud_console.settings.data import REDIS_URL
from scloud_console.settings.environment import BASE_DIR

#: Host and port of the console proxy as browsers reach it; empty: same host, path /console-proxy/.
CONSOLE_PROXY_PORT = int(os.environ.get("SCLOUD_CONSOLE_PORT", "0"))
#: Where the console proxy listens.
CONSOLE_LISTEN = os.environ.get("SCLOUD_CONSOLE_LISTEN", f"127.0.0.1:{CONSOLE_PROXY_PORT or 8001}")
#: Address and ports at which the proxy takes native VNC clients, as these reach it.
CONSOLE_NATIVE_ADDRESS = os.environ.get("SCLOUD_CONSOLE_NATIVE_ADDRESS", "127.0.0.1")
CONSOLE_NATIVE_PORTS = os.environ.get("SCLOUD_CONSOLE_NATIVE_PORTS", "5950-5999")
#: The console proxy's certificate, its key, and the CA of the hosts' VNC servers. With them it speaks TLS to screens,
#: and never without.
VNC_CERT = os.environ.get("SCLOUD_VNC_CERT", "")
VNC_KEY = os.environ.get("SCLOUD_VNC_KEY", "")
VNC_CA = os.environ.get("SCLOUD_VNC_CA", "")
#: Seconds without anything typed or anything moving on the screen after which a console session is cut.
CONSOLE_IDLE_SECONDS = float(os.environ.get("SCLOUD_CONSOLE_IDLE_SECONDS", "300"))
#: Host and port at which agents reach Redis.
AGENT_REDIS = os.environ.get("SCLOUD_AGENT_REDIS") or urlsplit(REDIS_URL).netloc.rpartition("@")[2]
#: Directory of a host's certificates on the host; its agent shows them to Redis.
AGENT_CERTIFICATES = os.environ.get("SCLOUD_AGENT_CERTIFICATES", "/etc/scloud/pki")
#: The control plane's certificate, its key, and the CA of OVN's databases: for regions whose address is "ssl:...".
OVN_CERT = os.environ.get("SCLOUD_OVN_CERT", "")
OVN_KEY = os.environ.get("SCLOUD_OVN_KEY", "")
OVN_CA = os.environ.get("SCLOUD_OVN_CA", "")
#: Directory with the control plane's certificate as libvirt's "pkipath" wants it: workers connect hosts for migrations.
LIBVIRT_PKI = os.environ.get("SCLOUD_LIBVIRT_PKI", "")
#: Where simulated ("memory") drivers keep their world: "process" (fast) or "redis" (survives the worker).
MEMORY_WORLD = os.environ.get("SCLOUD_MEMORY_WORLD", "process")
#: The Redis that keeps it. It stands for machines, which stay when the broker's data are lost.
MEMORY_REDIS_URL = os.environ.get("SCLOUD_MEMORY_REDIS") or REDIS_URL

#: Where uploads are kept while they come; all web processes and workers reach it.
UPLOAD_DIR = os.environ.get("SCLOUD_UPLOAD_DIR") or str(BASE_DIR / "var" / "uploads")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "class": "scloud_console.log_lines.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("SCLOUD_LOG_LEVEL", "INFO")},
}

#: TOML file with links to pages where images are published, for administrators; ours without it.
IMAGE_CATALOGUE = os.environ.get("SCLOUD_IMAGE_CATALOGUE", "")
