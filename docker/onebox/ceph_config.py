"""The Ceph site's configuration: small, and quick to notice that a daemon has gone."""

from __future__ import annotations

DATA = "/var/lib/ceph/site"
"""Of all daemons, as the site sees it."""
OSDS = 3
OSD_BYTES = 10 << 30
PORT = 3300
TEXT = """[global]
fsid = {fsid}
mon host = [v2:{address}:{port}]
mon initial members = a
public addr = {address}
cluster addr = {address}
ms bind msgr1 = false
ms bind port min = 6800
ms bind port max = 6899
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {data}/$name.keyring
run dir = /run/ceph
admin socket = /run/ceph/$name.asok
pid file = /run/ceph/$name.pid
log file = {data}/log/$name.log
crash dir = {data}/crash
mon data = {data}/mon.$id
mgr data = {data}/mgr.$id
osd data = {data}/osd.$id
osd objectstore = bluestore
osd pool default size = 3
osd pool default min size = 2
osd pool default pg num = 16
osd pool default pgp num = 16
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool delete = true
paxos propose interval = 0.1
mon data avail warn = 2
mon data avail crit = 1
osd memory target = 939524096
osd memory base = 100000000
osd memory cache min = 33554432
bluestore cache size = 33554432
bluestore cache autotune = false
bluestore block size = {osd_bytes}
bluestore block db create = false
bluestore block wal create = false
bluestore fsck on mount = false
osd op queue = wpq
osd op num shards = 2
osd op num threads per shard = 1
osd heartbeat interval = 2
osd heartbeat grace = 6
osd client watch timeout = 15
mon osd min down reporters = 1
mon osd report timeout = 60
mon osd down out interval = 20
mgr tick period = 1
mgr stats period = 1
mgr disabled modules = {modules}
debug ms = 0/0
"""
#: The manager is the largest process of the site; nothing here needs what these do. Without the others it is an error.
MODULES = (
    "alerts,cephadm,dashboard,diskprediction_local,feedback,influx,insights,iostat,k8sevents,localpool,mds_autoscaler,"
    "mirroring,nfs,osd_perf_query,osd_support,prometheus,restful,rgw,rook,selftest,snap_schedule,stats,telegraf,"
    "test_orchestrator,zabbix"
)


def text(fsid: str, address: str) -> str:
    """The content of ceph.conf."""
    return TEXT.format(fsid=fsid, address=address, port=PORT, data=DATA, osd_bytes=OSD_BYTES, modules=MODULES)
