/* The talk on standard error: one line a message, whole lines even from several threads. */
#ifndef FC_BASE_LOG_H
#define FC_BASE_LOG_H

enum fc_log_level { FC_LOG_ERROR, FC_LOG_WARN, FC_LOG_INFO, FC_LOG_DEBUG };

/* Messages above this level are dropped. Default FC_LOG_INFO. */
void fc_log_set_level(enum fc_log_level level);

/* "fakeca: text" for info, "fakeca: warning: text", "fakeca: error: text". Control characters are shown as \xNN. */
void fc_log(enum fc_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
