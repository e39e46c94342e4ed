/* The tls-alpn-01 responder (RFC 8737): one thread accepts, each handshake has a thread of its own and five seconds. */
#include "compat/chall_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/base_text.h"
#include "net/net_addr.h"

#define PROTOCOL "acme-tls/1"
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"
#define LISTENERS_MAX 16
#define HANDSHAKES_MAX 128
#define BACKLOG 256
#define SECONDS 5
#define HOST_MAX 256
#define PROTOCOLS_MAX 32
#define SERIAL 1729
/* whatever the clock of who validates says */
#define NOT_BEFORE "20000101000000Z"
#define NOT_AFTER "21991231235959Z"

struct fc_chall_tls {
    struct fc_compat_chall *chall;
    SSL_CTX *ctx;
    EVP_PKEY *key;
    struct pollfd fds[LISTENERS_MAX + 1]; /* the first wakes for the end */
    nfds_t n_fds;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t fewer;
    size_t handshakes;
};

/* ---- the certificate ---- */

/* "1.0.0.127.in-addr.arpa" stands for an address (RFC 8738 section 6); false for other names. */
static bool address_of(const char *name, char ret_text[INET_ADDRSTRLEN])
{
    unsigned bytes[4];
    char rest[16];

    if (sscanf(name, "%3u.%3u.%3u.%3u.%15s", &bytes[3], &bytes[2], &bytes[1], &bytes[0], rest) != 5 ||
        !fc_text_equal_nocase(rest, "in-addr.arpa"))
        return false;
    snprintf(ret_text, INET_ADDRSTRLEN, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    return true;
}

static int add_extension(X509 *cert, X509_EXTENSION *extension)
{
    int added = extension ? X509_add_ext(cert, extension, -1) : 0;

    X509_EXTENSION_free(extension);
    return added ? 0 : -1;
}

static int add_name(X509 *cert, const char *name)
{
    char address[INET_ADDRSTRLEN], value[HOST_MAX + 8];

    if (address_of(name, address))
        snprintf(value, sizeof value, "IP:%s", address);
    else
        snprintf(value, sizeof value, "DNS:%s", name);
    return add_extension(cert, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value));
}

/* The digest of the key authorization, as an OCTET STRING within the extension's own. */
static int add_identifier(X509 *cert, const char *content)
{
    unsigned char value[2 + EVP_MAX_MD_SIZE] = {0x04};
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *oid = OBJ_txt2obj(ACME_IDENTIFIER, 1);
    unsigned len = 0;
    int result = -1;

    if (octets && oid && EVP_Digest(content, strlen(content), value + 2, &len, EVP_sha256(), NULL)) {
        value[1] = (unsigned char)len;
        if (ASN1_OCTET_STRING_set(octets, value, (int)len + 2))
            result = add_extension(cert, X509_EXTENSION_create_by_OBJ(NULL, oid, 1, octets));
    }
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(octets);
    return result;
}

/* NULL when OpenSSL refuses. */
static X509 *make_certificate(const struct fc_chall_tls *tls, const char *name, const char *content)
{
    X509 *cert = X509_new();

    if (cert && X509_set_version(cert, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(cert), SERIAL) &&
        ASN1_TIME_set_string(X509_getm_notBefore(cert), NOT_BEFORE) &&
        ASN1_TIME_set_string(X509_getm_notAfter(cert), NOT_AFTER) && X509_set_pubkey(cert, tls->key) &&
        add_name(cert, name) == 0 && add_identifier(cert, content) == 0 && X509_sign(cert, tls->key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

/* ---- what the client asks for ---- */

/* The first name of the extension server_name (RFC 6066 section 3); "" without one. */
static void read_name(SSL *ssl, char ret_name[HOST_MAX])
{
    const unsigned char *ext;
    size_t len;

    ret_name[0] = '\0';
    /* list length 2, type 1, name length 2 */
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len) || len < 5 || ext[2] != 0)
        return;
    size_t name_len = (size_t)ext[3] << 8 | ext[4];
    if (name_len > len - 5 || name_len >= HOST_MAX || memchr(ext + 5, 0, name_len))
        return;
    memcpy(ret_name, ext + 5, name_len);
    ret_name[name_len] = '\0';
}

/* The extension ALPN (RFC 7301) as texts; new reference. */
static json_t *read_protocols(SSL *ssl)
{
    json_t *list = json_array();
    const unsigned char *ext;
    size_t len;

    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &ext, &len) || len < 2)
        return list;
    for (size_t at = 2; at < len && json_array_size(list) < PROTOCOLS_MAX; at += 1U + ext[at]) {
        if (ext[at] > len - at - 1)
            break;
        json_t *name = json_stringn((const char *)ext + at + 1, ext[at]);
        if (name)
            json_array_append_new(list, name);
    }
    return list;
}

static bool is_acme(const json_t *protocols)
{
    const char *only = json_string_value(json_array_get(protocols, 0));

    return json_array_size(protocols) == 1 && only && strcmp(only, PROTOCOL) == 0;
}

/* Under the name that the client sends, or under the address that it stands for. */
static const char *find_content(struct fc_compat_chall *chall, struct fc_arena *arena, const char *name)
{
    char address[INET_ADDRSTRLEN];
    const char *content = fc_chall_find(chall, arena, chall->alpn, name);

    if (!content && address_of(name, address))
        content = fc_chall_find(chall, arena, chall->alpn, address);
    return content;
}

static int use_certificate(struct fc_chall_tls *tls, SSL *ssl, const char *name)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    const char *content = find_content(tls->chall, arena, name);
    X509 *cert = content ? make_certificate(tls, name, content) : NULL;
    int used = cert && SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, tls->key) == 1;

    X509_free(cert);
    return used ? 0 : -1;
}

static int client_hello(SSL *ssl, int *alert, void *cookie)
{
    struct fc_chall_tls *tls = cookie;
    char name[HOST_MAX];

    read_name(ssl, name);
    json_t *protocols = read_protocols(ssl);
    bool acme = is_acme(protocols);
    json_t *event = json_pack("{s:s,s:o}", "ServerName", name, "SupportedProtos", protocols);
    if (event)
        fc_chall_note(tls->chall, FC_CHALL_TLSALPN, name, event);
    if (acme && use_certificate(tls, ssl, name) == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = acme ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Only who offers the one protocol gets here. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *cookie)
{
    (void)ssl;
    (void)cookie;
    if (in_len < 1 + sizeof PROTOCOL - 1)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

/* ---- handshakes ---- */

struct handshake {
    struct fc_chall_tls *tls;
    int fd;
};

static void leave(struct fc_chall_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    tls->handshakes--;
    pthread_cond_broadcast(&tls->fewer);
    pthread_mutex_unlock(&tls->lock);
}

static void *shake(void *cookie)
{
    struct handshake *handshake = cookie;
    struct fc_chall_tls *tls = handshake->tls;
    const struct timeval patience = {.tv_sec = SECONDS};
    SSL *ssl = SSL_new(tls->ctx);

    setsockopt(handshake->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(handshake->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (ssl && SSL_set_fd(ssl, handshake->fd) == 1 && SSL_accept(ssl) == 1)
        SSL_shutdown(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    close(handshake->fd);
    free(handshake);
    leave(tls);
    return NULL;
}

/* Whether there is room for one more. */
static bool enter(struct fc_chall_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    bool room = tls->handshakes < HANDSHAKES_MAX;
    if (room)
        tls->handshakes++;
    pthread_mutex_unlock(&tls->lock);
    return room;
}

static void take(struct fc_chall_tls *tls, int fd)
{
    struct handshake *handshake = fc_malloc(sizeof *handshake);
    pthread_attr_t attr;
    pthread_t thread;

    *handshake = (struct handshake){.tls = tls, .fd = fd};
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attr, shake, handshake);
    pthread_attr_destroy(&attr);
    if (!failed)
        return;
    close(fd);
    free(handshake);
    leave(tls);
}

static void accept_one(struct fc_chall_tls *tls, int listener)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return;
    if (enter(tls))
        take(tls, fd);
    else
        close(fd);
}

static void *run(void *cookie)
{
    struct fc_chall_tls *tls = cookie;

    for (;;) {
        if (poll(tls->fds, tls->n_fds, -1) < 0 && errno != EINTR)
            return NULL;
        if (tls->fds[0].revents)
            return NULL;
        for (nfds_t i = 1; i < tls->n_fds; i++)
            if (tls->fds[i].revents)
                accept_one(tls, tls->fds[i].fd);
    }
}

/* ---- start and end ---- */

static int bind_one(const struct fc_net_addr *addr, struct fc_err *err)
{
    static const int on = 1;
    struct sockaddr_storage sockaddr;
    char text[FC_NET_ADDR_TEXT];
    socklen_t len = (socklen_t)fc_net_addr_sockaddr(addr, &sockaddr);
    int fd = socket(addr->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (addr->family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, (const struct sockaddr *)&sockaddr, len) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
    }
    fc_err_errno(err, "cannot listen on %s (tlsalpn01)", fc_net_addr_text(addr, text));
    if (err && errno == EADDRINUSE)
        err->code = FC_E_BUSY;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int add_listener(struct fc_chall_tls *tls, const struct fc_net_addr *addr, struct fc_err *err)
{
    if (tls->n_fds > LISTENERS_MAX)
        return fc_err_set(err, FC_E_USAGE, "more than %d addresses for tls-alpn-01", LISTENERS_MAX);
    int fd = bind_one(addr, err);
    if (fd < 0)
        return -1;
    tls->fds[tls->n_fds++] = (struct pollfd){.fd = fd, .events = POLLIN};
    return 0;
}

/* ":5001" is every address of both families; the second one may be missing on the machine. */
static int listen_at(struct fc_chall_tls *tls, const char *text, struct fc_err *err)
{
    struct fc_net_addr addr;

    if (fc_net_addr_parse(text, &addr, err))
        return -1;
    if (text[0] == ':') {
        memset(addr.bytes, 0, sizeof addr.bytes);
        struct fc_net_addr v6 = {.family = AF_INET6, .port = addr.port};
        add_listener(tls, &v6, NULL);
    }
    return add_listener(tls, &addr, err);
}

static void listen_all(struct fc_chall_tls *tls, const char *addresses)
{
    char address[HOST_MAX];

    while (*addresses) {
        struct fc_err cause = {0};
        size_t len = strcspn(addresses, ",");
        snprintf(address, sizeof address, "%.*s", (int)(len < sizeof address ? len : sizeof address - 1), addresses);
        if (len && listen_at(tls, address, &cause))
            fc_chall_not_served(tls->chall, &cause);
        addresses += len + (addresses[len] == ',');
    }
}

static int start_thread(struct fc_chall_tls *tls, struct fc_err *err)
{
    sigset_t all, before;

    /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&tls->thread, NULL, run, tls);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return fc_err_set(err, FC_E_SYSTEM, "cannot start a thread: %s", strerror(failed));
    tls->running = true;
    return 0;
}

int fc_chall_tls_start(struct fc_compat_chall *chall, const char *addresses, struct fc_chall_tls **ret_tls,
                       struct fc_err *err)
{
    struct fc_chall_tls *tls = fc_calloc(1, sizeof *tls);

    *ret_tls = tls; /* who stops takes one that came half-way up */
    tls->chall = chall;
    pthread_mutex_init(&tls->lock, NULL);
    pthread_cond_init(&tls->fewer, NULL);
    tls->fds[tls->n_fds++] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN};
    tls->ctx = SSL_CTX_new(TLS_server_method());
    tls->key = EVP_EC_gen("P-256");
    if (tls->fds[0].fd < 0 || !tls->ctx || !tls->key)
        return fc_err_set(err, FC_E_SYSTEM, "cannot set up TLS");
    SSL_CTX_set_client_hello_cb(tls->ctx, client_hello, tls);
    SSL_CTX_set_alpn_select_cb(tls->ctx, select_protocol, NULL);
    listen_all(tls, addresses);
    return start_thread(tls, err);
}

void fc_chall_tls_stop(struct fc_chall_tls *tls)
{
    if (!tls)
        return;
    if (tls->running) {
        uint64_t one = 1;
        if (write(tls->fds[0].fd, &one, sizeof one) == (ssize_t)sizeof one)
            pthread_join(tls->thread, NULL);
    }
    pthread_mutex_lock(&tls->lock);
    while (tls->handshakes > 0) /* each ends in five seconds */
        pthread_cond_wait(&tls->fewer, &tls->lock);
    pthread_mutex_unlock(&tls->lock);
    for (nfds_t i = 0; i < tls->n_fds; i++)
        if (tls->fds[i].fd >= 0)
            close(tls->fds[i].fd);
    SSL_CTX_free(tls->ctx);
    EVP_PKEY_free(tls->key);
    pthread_cond_destroy(&tls->fewer);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}
