#include "net/net_curl.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void fc_net_curl_init(void)
{
    pthread_once(&once, init);
}

void fc_net_curl_common(CURL *easy, char error[CURL_ERROR_SIZE])
{
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

void fc_net_curl_add(struct curl_slist **list, const char *name, const char *value)
{
    fc_auto_free char *line = value != NULL ? fc_asprintf("%s: %s", name, value) : fc_strdup(name);
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
}
