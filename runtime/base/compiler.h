/* compiler: short names for attributes and builtins of the compiler.
 *
 * This folder: helpers for text, files and the compiler. They use no other room and allocate nothing. Below
 * all other rooms.
 */
#ifndef WEIR_BASE_COMPILER_H
#define WEIR_BASE_COMPILER_H

#define HIDDEN __attribute__((visibility("hidden")))
#define COLD __attribute__((cold, noinline))
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
