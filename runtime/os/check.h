/* check: assertions. A DEBUG_CHECK stands beside the code that relies on its condition, which takes a few
 * instructions to test; it is compiled away unless WEIR_DEBUG_CHECKS is set. pages_verify and verify_heap
 * check whole structures.
 */
#ifndef WEIR_OS_CHECK_H
#define WEIR_OS_CHECK_H

/* Writes one line and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define ALWAYS_CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#ifdef WEIR_DEBUG_CHECKS
#define DEBUG_CHECK(condition) ALWAYS_CHECK(condition)
#else
#define DEBUG_CHECK(condition) ((void)sizeof(!(condition)))
#endif

#endif
