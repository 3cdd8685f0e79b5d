/* weir/api.h: what every public header needs: linkage, visibility, and attributes that let compilers warn. */
#ifndef WEIR_API_H
#define WEIR_API_H

#ifdef __cplusplus
#define WEIR_API_BEGIN extern "C" {
#define WEIR_API_END }
#define WEIR_NOEXCEPT noexcept
#else
#define WEIR_API_BEGIN
#define WEIR_API_END
#define WEIR_NOEXCEPT
#endif

#if defined(__GNUC__) || defined(__clang__)
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_ATTRIBUTE(list) __attribute__(list)
#else
#define WEIR_API
#define WEIR_ATTRIBUTE(list)
#endif

/* The result must be freed by this function; gcc's -Wmismatched-dealloc checks it. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define WEIR_FREED_BY(function) __attribute__((malloc, malloc(function, 1)))
#else
#define WEIR_FREED_BY(function) WEIR_ATTRIBUTE((malloc))
#endif

#endif
