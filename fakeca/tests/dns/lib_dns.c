#include "dns/lib_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base_alloc.h"
#include "base/base_json.h"
#include "base/base_proc.h"
#include "base/base_time.h"

int lib_dns_setup(void **state)
{
    struct lib_dns *lib = fc_calloc(1, sizeof *lib);
    const struct fc_store_params memory = {0};

    *state = lib;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lib->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&lib->lock, NULL);
    lib->clock = fc_clock_new();
    if (fc_store_open(&memory, &lib->store, &lib->err) != 0)
        return -1;
    const struct fc_events_params events = {.store = lib->store, .clock = lib->clock};
    if (fc_events_new(&events, &lib->events, &lib->err) != 0)
        return -1;
    return lib_dns_reopen(lib, NULL);
}

int lib_dns_teardown(void **state)
{
    struct lib_dns *lib = *state;

    fc_dns_free(lib->dns);
    fc_events_free(lib->events);
    fc_store_close(lib->store);
    fc_clock_free(lib->clock);
    pthread_cond_destroy(&lib->news);
    pthread_mutex_destroy(&lib->lock);
    free(lib);
    return 0;
}

int lib_dns_reopen(struct lib_dns *lib, const char *default_addrs)
{
    const struct fc_dns_params params = {
        .store = lib->store, .events = lib->events, .clock = lib->clock, .default_addrs = default_addrs};

    fc_dns_free(FC_TAKE(lib->dns));
    fc_err_clear(&lib->err);
    return fc_dns_new(&params, &lib->dns, &lib->err);
}

int lib_dns_set(struct lib_dns *lib, const char *name, const char *type, const char *json)
{
    fc_auto_json value = NULL;

    fc_err_clear(&lib->err);
    if (json[0] == '{') {
        if (fc_json_parse(json, strlen(json), &value, &lib->err) != 0)
            return -1;
    } else if (fc_dns_is_rcode(json)) {
        value = json_pack("{s:s}", "rcode", json);
    } else {
        value = json_pack("{s:[s]}", "values", json);
    }
    return fc_dns_set(lib->dns, name, type, value, LIB_NOW, &lib->err);
}

static void record_text(const struct fc_dns_record *record, char *text, size_t size)
{
    char ip[INET6_ADDRSTRLEN];

    if (record->type == FC_DNS_A || record->type == FC_DNS_AAAA) {
        inet_ntop(record->type == FC_DNS_A ? AF_INET : AF_INET6, record->data, ip, sizeof ip);
        snprintf(text, size, "%s ", ip);
    } else if (record->type == FC_DNS_CAA) {
        snprintf(text, size, "%u:%.*s:%.*s ", record->data[0], record->data[1], (const char *)record->data + 2,
                 (int)(record->len - 2 - record->data[1]), (const char *)record->data + 2 + record->data[1]);
    } else {
        snprintf(text, size, "%.*s ", (int)record->len, (const char *)record->data);
    }
}

static void take_answer(void *cookie, const struct fc_dns_answer *answer)
{
    struct lib_dns *lib = cookie;
    char *at = lib->text;
    char *end = lib->text + sizeof lib->text;

    *at = '\0';
    if (answer->outcome == FC_DNS_TIMEOUT)
        snprintf(at, sizeof lib->text, "timeout ");
    else if (answer->outcome == FC_DNS_NETWORK)
        snprintf(at, sizeof lib->text, "network error ");
    else if (answer->outcome == FC_DNS_RCODE)
        snprintf(at, sizeof lib->text, "rcode %d ", answer->rcode);
    else if (answer->n_records == 0)
        snprintf(at, sizeof lib->text, "no data ");
    for (size_t i = 0; i < answer->n_records; i++) {
        at += strlen(at);
        record_text(&answer->records[i], at, (size_t)(end - at));
    }
    at += strlen(at);
    snprintf(at, (size_t)(end - at), "[%s]%s", answer->rule ? answer->rule : "", answer->truncated ? " truncated" : "");
    pthread_mutex_lock(&lib->lock);
    lib->answers++;
    pthread_cond_signal(&lib->news);
    pthread_mutex_unlock(&lib->lock);
}

void lib_dns_ask_begin(struct lib_dns *lib, const struct fc_resolver *resolver, const char *name, enum fc_dns_type type)
{
    lib->text[0] = '\0';
    lib->answers = 0;
    resolver->ask(resolver->self, name, type, take_answer, lib);
}

const char *lib_dns_ask_end(struct lib_dns *lib)
{
    struct timespec until;
    int late = 0;

    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE, &until);
    pthread_mutex_lock(&lib->lock);
    while (lib->answers == 0 && late == 0)
        late = pthread_cond_timedwait(&lib->news, &lib->lock, &until);
    pthread_mutex_unlock(&lib->lock);
    return late == 0 ? lib->text : "no answer";
}

const char *lib_dns_ask(struct lib_dns *lib, const char *name, enum fc_dns_type type)
{
    lib_dns_ask_begin(lib, fc_dns_resolver(lib->dns), name, type);
    return lib_dns_ask_end(lib);
}

const char *lib_dns_events(struct lib_dns *lib, const char *type)
{
    const char *const types[] = {type, NULL};
    struct fc_event_view *views = NULL;
    size_t count = 0;
    int64_t next = 0;

    lib->text[0] = '\0';
    if (fc_events_read(lib->events, 0, 1000, types, &views, &count, &next, &lib->err) != 0)
        return lib->err.text;
    for (size_t i = 0; i < count; i++) {
        fc_auto_free char *text = fc_events_text(views[i].json);
        size_t len = strlen(lib->text);
        snprintf(lib->text + len, sizeof lib->text - len, "%s\n", text);
    }
    fc_events_views_free(views, count);
    return lib->text;
}

int lib_dns_serve(struct lib_dns *lib)
{
    fc_err_clear(&lib->err);
    return fc_dns_serve(lib->dns, "127.0.0.1:0", 0, &lib->port, &lib->err);
}

const char *lib_dns_dig(struct lib_dns *lib, const char *args)
{
    char line[512], port[8];
    /* dig takes the first server that it is given */
    const char *argv[32] = {"dig", args[0] == '@' ? "+tries=1" : "@127.0.0.1", "-p", port, "+tries=1", "+time=10"};
    size_t n = 6;
    char *rest = line;
    struct fc_proc_exit how;
    fc_auto(fc_proc_free) struct fc_proc *proc = NULL;

    snprintf(port, sizeof port, "%u", lib->port);
    snprintf(line, sizeof line, "%s", args);
    for (char *word; (word = strtok_r(rest, " ", &rest)) && n < 31;)
        argv[n++] = word;
    const struct fc_proc_spec spec = {.argv = argv, .max_out = sizeof lib->text - 1};
    if (fc_proc_run(&spec, PATIENCE, &proc, &how, &lib->err) != 0 || how.code != 0)
        return NULL;
    snprintf(lib->text, sizeof lib->text, "%s", fc_proc_output(proc, FC_PROC_OUT, NULL, NULL));
    size_t len = strlen(lib->text);
    if (len > 0 && lib->text[len - 1] == '\n')
        lib->text[len - 1] = '\0';
    return lib->text;
}

int lib_dns_connect(unsigned port, bool tcp)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

long lib_dns_exchange(int fd, const void *data, size_t len, void *ret_data, size_t room, int64_t patience)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};

    if (len > 0 && send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
        return -1;
    if (poll(&in, 1, (int)(patience / FC_MS)) <= 0)
        return -1;
    return recv(fd, ret_data, room, 0);
}

bool lib_dns_ended(int fd, int64_t patience)
{
    char buf[4096];
    int64_t until = fc_clock_mono() + patience;

    while (fc_clock_mono() < until) {
        long got = lib_dns_exchange(fd, NULL, 0, buf, sizeof buf, until - fc_clock_mono());
        if (got <= 0)
            return fc_clock_mono() < until;
    }
    return false;
}

size_t lib_dns_question(const char *name, unsigned type, unsigned char *ret_data)
{
    static const unsigned char header[] = {0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0};
    size_t at = sizeof header;

    memcpy(ret_data, header, sizeof header);
    while (*name) {
        size_t len = strcspn(name, ".");
        ret_data[at++] = (unsigned char)len;
        memcpy(ret_data + at, name, len);
        at += len;
        name += len + (name[len] == '.');
    }
    ret_data[at++] = 0;
    ret_data[at++] = (unsigned char)(type >> 8);
    ret_data[at++] = (unsigned char)type;
    ret_data[at++] = 0;
    ret_data[at++] = 1;
    return at;
}
