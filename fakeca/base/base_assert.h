/* Assertions for programming errors only; they stay on in release builds. What a peer, a file or a user can cause is
 * an error path, never an assertion. */
#ifndef FC_BASE_ASSERT_H
#define FC_BASE_ASSERT_H

/* Prints expression and place to standard error and aborts. */
_Noreturn void fc_assert_failed(const char *expression, const char *file, int line);

#define FC_ASSERT(expression) ((expression) ? (void)0 : fc_assert_failed(#expression, __FILE__, __LINE__))
#define FC_IMPOSSIBLE(why) fc_assert_failed("impossible: " why, __FILE__, __LINE__)

#endif
