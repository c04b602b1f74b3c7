# OVN's central databases and northd, in the version that hosts run (Debian 13).
FROM debian:13-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y ovn-central \
 && rm -rf /var/lib/apt/lists/*
VOLUME /var/lib/ovn
