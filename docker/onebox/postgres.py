"""A private PostgreSQL cluster under ``var/<instance>/pg``, reached over loopback by TLS with a password."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from urllib.parse import urlencode

from onebox import accounts, certificates, pidfile, ports
from onebox.instance import Instance
from onebox.shell import OneboxError, run

USER = "postgres"
ROLE = DATABASE = "scloud"
LIBRARY = Path("/usr/lib/postgresql")
ADMISSION = """# over the network by TLS only, with a certificate of the control authority beside the password
local   all all                peer
hostssl all all 127.0.0.1/32   scram-sha-256 clientcert=verify-ca
"""
BOOTSTRAP = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} LOGIN CREATEDB; END IF;
END $$;
ALTER ROLE {role} PASSWORD '{password}';
SELECT 'CREATE DATABASE {database} OWNER {role}'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
"""


def binaries() -> Path:
    """The directory of the newest installed server's programs."""
    found = sorted(LIBRARY.glob("[0-9]*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise OneboxError("the PostgreSQL server is not installed")
    return found[-1].parent


def start(instance: Instance, password: str) -> None:
    """Start the cluster, making it and the role and database first where they are missing.

    One that runs with other settings, such as those of an earlier version, is started again.
    """
    data = _data(instance)
    accounts.own_directory(data.parent, USER)
    changed = certificates.place_service(instance, "postgresql", data.parent / "tls", USER)
    if is_up(instance) and (data / "postgresql.auto.conf").read_text() != _settings(instance):
        stop(instance)
    if is_up(instance):
        if changed:
            run([*_as_postgres("pg_ctl"), "-D", data, "-s", "reload"], cwd=data)
    else:
        ports.require_free(instance.postgres_port, "PostgreSQL")
        if not data.exists():
            _make_cluster(data)
        _configure(instance)
        log = data.parent / "postgres.log"
        run([*_as_postgres("pg_ctl"), "-D", data, "-l", log, "-w", "-t", "60", "-s", "start"], cwd=data)
    prepared, digest = data.parent / "prepared", hashlib.sha256(password.encode()).hexdigest()
    if not prepared.exists() or prepared.read_text() != digest:
        text = BOOTSTRAP.format(role=ROLE, database=DATABASE, password=password)
        run([*_as_postgres("psql"), *_local(instance), "-v", "ON_ERROR_STOP=1", "-q", "postgres"], stdin=text)
        prepared.write_text(digest)


def stop(instance: Instance) -> None:
    """Stop the cluster; sessions are closed, nothing is lost."""
    if is_up(instance):
        command = [
            *_as_postgres("pg_ctl"),
            "-D",
            str(_data(instance)),
            "-m",
            "fast",
            "-w",
            "-t",
            "60",
            "-s",
            "stop",
        ]
        run(command, cwd=Path("/"))


def is_up(instance: Instance) -> bool:
    """Whether this instance's cluster runs."""
    return pidfile.daemon(_data(instance) / "postmaster.pid", _data(instance)) is not None


def url(instance: Instance, password: str) -> str:
    """The address of the database for the product's settings."""
    files = certificates.control_directory(instance)
    named = {"sslrootcert": "services-ca.pem", "sslcert": "control.pem", "sslkey": "control.key"}
    tls = {name: f"{files}/{file}" for name, file in named.items()}
    query = urlencode({"sslmode": "verify-full", **tls}, safe="/")
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{instance.postgres_port}/{DATABASE}?{query}"


def _data(instance: Instance) -> Path:
    return instance.var / "pg" / "data"


def _as_postgres(program: str) -> list[str]:
    return [*accounts.command_as(USER), str(binaries() / program)]


def _local(instance: Instance) -> list[str]:
    return ["-h", str(instance.runtime / "pg"), "-p", str(instance.postgres_port)]


def _make_cluster(data: Path) -> None:
    """Make it beside its place and move it there whole, so that a run cut short leaves none that looks complete."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (data.parent / "prepared").unlink(missing_ok=True)
    options = ["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=scram-sha-256"]
    run([*_as_postgres("initdb"), "-D", fresh, "--no-sync", *options], cwd=Path("/"))
    fresh.rename(data)


def _configure(instance: Instance) -> None:
    accounts.own_directory(instance.runtime / "pg", USER)
    accounts.owned_file(_data(instance) / "postgresql.auto.conf", _settings(instance), USER)
    accounts.owned_file(_data(instance) / "pg_hba.conf", ADMISSION, USER)


def _settings(instance: Instance) -> str:
    """Settings for a small machine; the directory of the local socket is for administration only."""
    tls = _data(instance).parent / "tls"
    durable = "on" if instance.name == "run" else "off"
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": instance.postgres_port,
        "unix_socket_directories": f"'{instance.runtime / 'pg'}'",
        "max_connections": 100,
        "shared_buffers": "64MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "effective_cache_size": "512MB",
        "random_page_cost": "1.1",
        "max_wal_size": "512MB",
        "jit": "off",
        "max_parallel_workers_per_gather": 0,
        "fsync": durable,
        "synchronous_commit": durable,
        "full_page_writes": durable,
        "log_min_duration_statement": 1000,
        "log_line_prefix": "'%m [%p] '",
        "ssl": "on",
        "ssl_min_protocol_version": "'TLSv1.3'",
        "ssl_cert_file": f"'{tls}/postgresql.pem'",
        "ssl_key_file": f"'{tls}/postgresql.key'",
        "ssl_ca_file": f"'{tls}/postgresql-clients.pem'",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())
