/* What net_fetch and net_client share of libcurl; inside net only. */
#ifndef FC_NET_CURL_H
#define FC_NET_CURL_H

#include "base/base_alloc.h"

#include <curl/curl.h>

FC_CLEANUP(CURL *, curl_easy_cleanup)
FC_CLEANUP(struct curl_slist *, curl_slist_free_all)

/* Starts libcurl once for the process; any thread. */
void fc_net_curl_init(void);
/* Only http and https, HTTP/1.1, no signals, and no proxy whatever the environment says: what we talk to is near. */
void fc_net_curl_common(CURL *easy, char error[CURL_ERROR_SIZE]);
/* Appends "name: value", or a bare line when value is NULL. */
void fc_net_curl_add(struct curl_slist **list, const char *name, const char *value);

#endif
