/* weir/version.h: the version. The macros are the version that a program is compiled against, weir_version()
 * is the version of the library that runs.
 *
 * Versions are semantic: a program built for MAJOR.MINOR runs on every later MINOR of the same MAJOR. While
 * MAJOR is 0, it runs only on the same MINOR.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#include <weir/api.h>

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

WEIR_API_BEGIN

/* The version of the library that is running, as "MAJOR.MINOR.PATCH". The string is static; never NULL. Any
 * thread may call it. */
WEIR_API const char *weir_version(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
