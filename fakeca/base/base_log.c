#include "base/base_log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/base_buf.h"

#define LINE_MAX_LEN 16384

static atomic_int max_level = FC_LOG_INFO;

void fc_log_set_level(enum fc_log_level level)
{
    atomic_store(&max_level, (int)level);
}

static const char *level_prefix(enum fc_log_level level)
{
    switch (level) {
    case FC_LOG_ERROR:
        return "fakeca: error: ";
    case FC_LOG_WARN:
        return "fakeca: warning: ";
    case FC_LOG_INFO:
        return "fakeca: ";
    case FC_LOG_DEBUG:
        return "fakeca: debug: ";
    }
    return "fakeca: ";
}

static void write_all(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n <= 0)
            return; /* nobody is left to be told */
        data += n;
        len -= (size_t)n;
    }
}

void fc_log(enum fc_log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    struct fc_buf text fc_auto_buf = {0};
    struct fc_buf line fc_auto_buf = {0};
    fc_buf_init(&text, LINE_MAX_LEN);
    /* room for every byte in its \xNN form */
    fc_buf_init(&line, LINE_MAX_LEN * 4 + 64);

    va_list args;
    va_start(args, format);
    int result = fc_buf_vprintf(&text, format, args);
    va_end(args);
    fc_buf_puts(&line, level_prefix(level));
    fc_buf_put_visible(&line, text.data, text.len);
    if (result)
        fc_buf_puts(&line, "(a message of more than 16 KiB)");
    fc_buf_putc(&line, '\n');
    /* one write for the line: lines of several threads and processes do not mix */
    write_all(line.data, line.len);
}
