#include "server/server_int.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base_log.h"

/* The cap on connections is ours; the library's own only has to lie above it: it counts a closed one a moment longer. */
#define SPARE_CONNECTIONS 64U
/* What Let's Encrypt's front end speaks: TLS 1.2 and 1.3. */
#define TLS_PRIORITIES "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

/* The library's last complaint on this thread: the reason when a daemon does not start. */
static _Thread_local char complaint[256];

static struct fc_server_conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void peer_text(const struct sockaddr *addr, char *text, size_t size)
{
    char ip[INET6_ADDRSTRLEN] = "";

    if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
        snprintf(text, size, "[%s]:%u", ip, (unsigned)ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)addr;
        inet_ntop(AF_INET, &in4->sin_addr, ip, sizeof ip);
        snprintf(text, size, "%s:%u", ip, (unsigned)ntohs(in4->sin_port));
    }
}

static void on_connection(void *cookie, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        fc_server_conn_close(*context);
        return;
    }
    char peer[64];
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    peer_text(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, peer, sizeof peer);
    *context = fc_server_conn_open(cookie, mhd, fd, peer);
}

/* The request line, before the library takes the target apart: ours has its own rules for that. */
static void *on_line(void *cookie, const char *target, struct MHD_Connection *mhd)
{
    (void)cookie;
    return fc_server_request_new(conn_of(mhd), target);
}

static enum MHD_Result on_step(void *cookie, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *upload_data, size_t *upload_data_size, void **request)
{
    (void)cookie;
    (void)mhd;
    (void)url;
    (void)version;
    return fc_server_request_step(*request, method, upload_data, upload_data_size) ? MHD_YES : MHD_NO;
}

static void on_end(void *cookie, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode code)
{
    (void)cookie;
    (void)mhd;
    (void)code;
    fc_server_request_free(FC_TAKE(*request));
}

/* What peers do wrong fills this: it is for debugging only. */
__attribute__((format(printf, 2, 0))) static void on_log(void *cookie, const char *format, va_list args)
{
    const struct fc_server_unit *unit = cookie;
    int len = vsnprintf(complaint, sizeof complaint, format, args);

    while (len > 0 && (size_t)len < sizeof complaint && complaint[len - 1] == '\n')
        complaint[--len] = '\0';
    fc_log(FC_LOG_DEBUG, "%s: %s", unit->service.name, complaint);
}

static struct MHD_Daemon *start_one(struct fc_server_unit *unit)
{
    const struct fc_server_service *service = &unit->service;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG;
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)service->tls_cert_pem},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)service->tls_key_pem},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };

    /* under epoll the library runs a handshake that waits for its peer again and again: it does not see that GnuTLS found
     * nothing to read */
    flags |= service->tls_cert_pem ? MHD_USE_TLS | MHD_USE_POLL : MHD_USE_EPOLL;
    /* no MHD_OPTION_CONNECTION_TIMEOUT: it is idle time, and ours are deadlines */
    return MHD_start_daemon(flags, 0, NULL, NULL, on_step, unit, MHD_OPTION_EXTERNAL_LOGGER, on_log, unit,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, unit, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                            unit, MHD_OPTION_URI_LOG_CALLBACK, on_line, unit, MHD_OPTION_CONNECTION_LIMIT,
                            service->limits.connections_max + SPARE_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            service->limits.header_memory, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
                            service->tls_cert_pem ? tls : plain, MHD_OPTION_END);
}

/* The library ignores its own pool option when it has no listening socket, so a pool is several daemons. */
int fc_server_daemon_start(struct fc_server_unit *unit, struct fc_err *err)
{
    unsigned threads = unit->service.limits.threads;

    if (threads < 1)
        threads = 1;
    if (threads > FC_SERVER_THREADS_MAX)
        threads = FC_SERVER_THREADS_MAX;
    while (unit->n_daemons < threads) {
        complaint[0] = '\0';
        struct MHD_Daemon *daemon = start_one(unit);
        if (!daemon)
            return fc_err_set(err, FC_E_SYSTEM, "cannot serve '%s': %s", unit->service.name,
                              complaint[0] ? complaint : "the HTTP library does not start");
        unit->daemons[unit->n_daemons++] = daemon;
    }
    return 0;
}

void fc_server_daemon_stop(struct fc_server_unit *unit)
{
    while (unit->n_daemons > 0)
        MHD_stop_daemon(unit->daemons[--unit->n_daemons]);
}

void fc_server_daemon_add(struct fc_server_unit *unit, int fd, const void *addr, unsigned addr_len)
{
    struct MHD_Daemon *daemon = unit->daemons[unit->next_daemon++ % unit->n_daemons];

    if (MHD_add_connection(daemon, fd, addr, addr_len) == MHD_YES)
        return;
    pthread_mutex_lock(&unit->lock);
    unit->counted--;
    pthread_mutex_unlock(&unit->lock);
}
