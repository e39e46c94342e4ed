/* Errors as values: functions return 0 or -1 and put the cause into a caller-owned struct fc_err. The first error
 * wins; NULL is allowed everywhere. Library code never prints an error, it only returns it. */
#ifndef FC_BASE_ERR_H
#define FC_BASE_ERR_H

enum fc_err_code {
    FC_OK = 0,
    FC_E_USAGE,     /* a flag, a config file, a request of the user's is wrong: exit 2 */
    FC_E_SYSTEM,    /* the system refused: cannot open, bind, write: exit 3 */
    FC_E_BUSY,      /* a port or a state folder is taken: exit 3 */
    FC_E_DAMAGED,   /* a file is not what it should be and was left untouched: exit 3 */
    FC_E_NOT_FOUND, /* no such thing */
    FC_E_PARSE,     /* bytes from outside that do not parse */
    FC_E_LIMIT,     /* larger, longer or more than is allowed */
    FC_E_RANGE,     /* a value outside its range */
    FC_E_AGAIN,     /* not ready yet, will be: try later */
    FC_E_CRYPTO,    /* a signature, key or certificate is not acceptable */
    FC_E_INTERNAL   /* fakeca itself is broken: exit 4 */
};

struct fc_err {
    enum fc_err_code code;
    char text[4096]; /* lower case, no full stop, subject in single quotes: cannot open '/x': No such file */
};

/* Sets code and text unless an error is set already. Always returns -1, so that callers can `return fc_err_set(...)`. */
int fc_err_set(struct fc_err *err, enum fc_err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of the current errno behind it (code FC_E_SYSTEM). errno is kept. */
int fc_err_errno(struct fc_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "PREFIX: " before the text of an error that is set; does nothing otherwise. Always returns -1. */
int fc_err_prefix(struct fc_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void fc_err_clear(struct fc_err *err);

/* The program's exit code for an error: 2, 3 or 4 (design.md, part 3). */
int fc_err_exit(enum fc_err_code code);

#endif
