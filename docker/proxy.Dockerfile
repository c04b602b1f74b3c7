# The reverse proxy in front of web and console: Debian's nginx, which `make run` uses and the tests try.
FROM debian:12-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y nginx \
 && rm -rf /var/lib/apt/lists/*
COPY proxy /etc/scloud-proxy
USER www-data
EXPOSE 8000
CMD ["nginx", "-c", "/etc/scloud-proxy/nginx.conf", "-g", "daemon off;"]
