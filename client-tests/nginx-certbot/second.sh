#!/bin/sh
# A second service with the same certificate, which no hook knows.
case $1 in
start)
    mkdir -p tmp2
    cat >second.conf <<CONF
pid second.pid;
error_log second.log;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path tmp2/1; proxy_temp_path tmp2/2; fastcgi_temp_path tmp2/3; uwsgi_temp_path tmp2/4; scgi_temp_path tmp2/5;
    server {
        listen 127.83.1.1:9993 ssl;
        ssl_certificate cert/fullchain.pem;
        ssl_certificate_key cert/privkey.pem;
    }
}
CONF
    exec nginx -e second.log -p . -c second.conf
    ;;
stop)
    [ -s second.pid ] || exit 0
    pid=$(cat second.pid)
    while kill "$pid" 2>/dev/null; do sleep 0.05; done
    ;;
esac
