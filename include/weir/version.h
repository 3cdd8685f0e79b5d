/* weir/version.h: which weir this is, at compile time and at run time.
 *
 * Versions follow semver.org. While the major version is 0 the shared library keeps the name libweir.so.0.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#include <weir/api.h>

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

WEIR_API_BEGIN

/* The version of the library that is running, "0.1.0"; it may be newer than the header. */
WEIR_API const char *weir_version(void);

WEIR_API_END

#endif
