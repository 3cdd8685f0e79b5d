/* named: a profile written anew with the names that were found, so that it can be read where the program's
 * files are not: functions, source files, lines, inlined calls. All else is passed on as it is.
 */
#ifndef WEIR_TOOLS_REPORT_NAMED_H
#define WEIR_TOOLS_REPORT_NAMED_H

#include "tools/weir/report/profile.h"

/* The profile that `bytes` were decoded to, with its names; malloc'd. */
uint8_t *named_encode(const uint8_t *bytes, size_t length, const profile_t *profile, size_t *named_length);

/* False: the file cannot be written; errno says why. */
bool named_write(const profile_t *profile, const char *path);

#endif
