# The control plane: web, workers, beat and console proxy are one image with different commands (compose.yaml).
# Debian 12, because Ceph's Python modules exist only for its Python 3.11.
FROM debian:12-slim AS build
RUN apt-get update \
 && apt-get install --no-install-recommends -y python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/scloud
COPY requirements.txt /tmp/
RUN /opt/scloud/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM debian:12-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y python3 python3-rbd python3-rados python3-libvirt qemu-utils ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 900 --home-dir /srv/scloud scloud \
 && install --directory --owner scloud --group scloud --mode 700 /var/lib/scloud/uploads
COPY --from=build /opt/scloud /opt/scloud
# Only the bindings of Ceph and libvirt: all of dist-packages would put Debian's versions beside the locked ones.
RUN cd /usr/lib/python3/dist-packages \
 && ln -s "$PWD"/rbd.cpython-311-*.so "$PWD"/rados.cpython-311-*.so "$PWD"/libvirtmod.cpython-311-*.so \
    "$PWD"/libvirtmod_qemu.cpython-311-*.so "$PWD"/libvirt.py "$PWD"/libvirt_qemu.py /opt/scloud/lib/python3.11/site-packages/ \
 && /opt/scloud/bin/python -c "import rados, rbd, libvirt, libvirt_qemu"
WORKDIR /srv/scloud
COPY manage.py ./
COPY scloud_console scloud_console
COPY apps apps
COPY templates templates
COPY static static
COPY locale locale
COPY docs/guide docs/guide
ENV PATH=/opt/scloud/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SCLOUD_STATIC_ROOT=/srv/scloud/collected
RUN SCLOUD_SECRET_KEY=only-for-this-step python manage.py collectstatic --noinput
USER scloud
EXPOSE 8000
CMD ["uvicorn", "scloud_console.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-proxy-headers", "--no-server-header", "--ws-per-message-deflate", "false"]
