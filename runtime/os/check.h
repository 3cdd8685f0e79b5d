/* check: what has to be true. DEBUG_CHECK stands beside the code that relies on it and is compiled away
 * unless WEIR_DEBUG_CHECKS is set; it is for what can be seen in a few instructions. Whole structures are
 * compared by pages_verify and verify_heap.
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
