#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_clock.h"
#include "base/base_file.h"
#include "base/base_proc.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "server/lib_server.h"

static struct lib_client connect_to(const struct sockaddr *addr, socklen_t len)
{
    struct lib_client client = {.fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    if (client.fd >= 0 && connect(client.fd, addr, len) != 0) {
        close(client.fd);
        client.fd = -1;
    }
    return client;
}

struct lib_client lib_connect(unsigned port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to((struct sockaddr *)&addr, sizeof addr);
}

struct lib_client lib_connect_v6(unsigned port)
{
    struct sockaddr_in6 addr = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_loopback};

    return connect_to((struct sockaddr *)&addr, sizeof addr);
}

void lib_close(struct lib_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->data);
    *client = (struct lib_client){.fd = -1};
}

bool lib_send_bytes(struct lib_client *client, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t sent = send(client->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool lib_send(struct lib_client *client, const char *text)
{
    return lib_send_bytes(client, text, strlen(text));
}

/* Waits for more bytes; false at the end of the connection or of patience. */
static bool read_more(struct lib_client *client, int64_t until)
{
    char buf[16384];
    int64_t left = (until - fc_clock_mono()) / FC_MS;
    struct pollfd fd = {.fd = client->fd, .events = POLLIN};

    if (client->eof || left <= 0 || poll(&fd, 1, (int)left) <= 0)
        return false;
    ssize_t got = recv(client->fd, buf, sizeof buf, 0);
    if (got <= 0) {
        client->eof = true;
        return false;
    }
    client->data = fc_reallocarray(client->data, client->len + (size_t)got + 1, 1);
    memcpy(client->data + client->len, buf, (size_t)got);
    client->len += (size_t)got;
    client->data[client->len] = '\0';
    return true;
}

bool lib_read_until(struct lib_client *client, const char *text)
{
    int64_t until = fc_clock_mono() + PATIENCE;

    while (!client->data || !strstr(client->data, text)) {
        if (!read_more(client, until))
            return false;
    }
    return true;
}

bool lib_read_end(struct lib_client *client)
{
    int64_t until = fc_clock_mono() + PATIENCE;

    while (read_more(client, until))
        continue;
    return client->eof;
}

static void drop(struct lib_client *client, size_t len)
{
    memmove(client->data, client->data + len, client->len - len + 1);
    client->len -= len;
}

static bool have(struct lib_client *client, size_t len)
{
    int64_t until = fc_clock_mono() + PATIENCE;

    while (client->len < len) {
        if (!read_more(client, until))
            return false;
    }
    return true;
}

static void body_append(struct lib_response *response, const char *data, size_t len)
{
    response->body = fc_reallocarray(response->body, response->body_len + len + 1, 1);
    memcpy(response->body + response->body_len, data, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
}

static bool read_chunks(struct lib_client *client, struct lib_response *response)
{
    for (;;) {
        if (!lib_read_until(client, "\r\n"))
            return false;
        size_t line = (size_t)(strstr(client->data, "\r\n") - client->data);
        unsigned len = 0;
        if (sscanf(client->data, "%x", &len) != 1 || !have(client, line + 2 + len + 2))
            return false;
        body_append(response, client->data + line + 2, len);
        drop(client, line + 2 + len + 2);
        if (len == 0)
            return true;
    }
}

struct lib_response lib_response(struct lib_client *client, bool head_only)
{
    struct lib_response response = {.status = 0};
    int64_t len = 0;

    body_append(&response, "", 0);
    if (!lib_read_until(client, "\r\n\r\n"))
        return response;
    size_t head_len = (size_t)(strstr(client->data, "\r\n\r\n") - client->data) + 4;
    snprintf(response.head, sizeof response.head, "%.*s", (int)head_len, client->data);
    drop(client, head_len);
    int status = 0;
    if (sscanf(response.head, "HTTP/1.1 %d", &status) != 1)
        return response;
    bool chunked = lib_header(&response, "Transfer-Encoding") != NULL;
    const char *length = lib_header(&response, "Content-Length");
    if (head_only || status == 204 || status == 100) {
        response.status = status;
    } else if (chunked) {
        response.status = read_chunks(client, &response) ? status : 0;
    } else if (length && fc_text_int(length, 0, 1 << 30, &len, NULL) == 0 && have(client, (size_t)len)) {
        body_append(&response, client->data, (size_t)len);
        drop(client, (size_t)len);
        response.status = status;
    }
    return response;
}

void lib_response_release(struct lib_response *response)
{
    free(response->body);
    *response = (struct lib_response){.status = 0};
}

const char *lib_header(struct lib_response *response, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(response->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *from = line + 3 + len + strspn(line + 3 + len, " ");
            snprintf(response->value, sizeof response->value, "%.*s", (int)strcspn(from, "\r"), from);
            return response->value;
        }
    }
    return NULL;
}

struct lib_response lib_request(unsigned port, const char *text)
{
    struct lib_client client = lib_connect(port);
    struct lib_response response = {.status = 0};

    if (lib_send(&client, text))
        response = lib_response(&client, strncmp(text, "HEAD ", 5) == 0);
    lib_close(&client);
    return response;
}

int lib_run(const char *const *args, char *ret_out, size_t size)
{
    const struct fc_proc_spec spec = {.argv = args, .max_out = size - 1};
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;
    struct fc_proc_exit how;

    ret_out[0] = '\0';
    if (fc_proc_run(&spec, PATIENCE, &proc, &how, NULL) != 0)
        return -1;
    snprintf(ret_out, size, "%s", fc_proc_output(proc, FC_PROC_OUT, NULL, NULL));
    return how.code;
}

/* ---- a certificate ---- */

static struct {
    char dir[64], cert_file[96], key_file[96];
    char *cert, *key;
} tls;

void lib_tls_clean(void)
{
    if (!tls.dir[0])
        return;
    unlink(tls.cert_file);
    unlink(tls.key_file);
    rmdir(tls.dir);
    free(tls.cert);
    free(tls.key);
    memset(&tls, 0, sizeof tls);
}

static bool tls_make(void)
{
    char out[4096];
    size_t len = 0;

    if (tls.cert)
        return true;
    snprintf(tls.dir, sizeof tls.dir, "/tmp/fakeca-test-XXXXXX");
    if (!mkdtemp(tls.dir))
        return false;
    snprintf(tls.cert_file, sizeof tls.cert_file, "%s/cert.pem", tls.dir);
    snprintf(tls.key_file, sizeof tls.key_file, "%s/key.pem", tls.dir);
    const char *const args[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "30",
                                "-subj",
                                "/CN=fakeca TEST server",
                                "-addext",
                                "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
                                "-keyout",
                                tls.key_file,
                                "-out",
                                tls.cert_file,
                                NULL};
    return lib_run(args, out, sizeof out) == 0 && fc_file_read(tls.cert_file, 65536, &tls.cert, &len, NULL) == 0 &&
           fc_file_read(tls.key_file, 65536, &tls.key, &len, NULL) == 0;
}

const char *lib_tls_cert(void)
{
    return tls_make() ? tls.cert : NULL;
}

const char *lib_tls_key(void)
{
    return tls_make() ? tls.key : NULL;
}

const char *lib_tls_cert_file(void)
{
    return tls.cert_file;
}
