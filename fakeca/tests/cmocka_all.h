/* cmocka with the headers it needs. One group a program; return `failures != 0` (256 failures would be exit code 0). */
#ifndef FC_TESTS_CMOCKA_ALL_H
#define FC_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN(tests) return cmocka_run_group_tests(tests, NULL, NULL) != 0

#endif
