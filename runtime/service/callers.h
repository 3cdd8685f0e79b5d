/* callers: which file the code of a call is from. */
#ifndef WEIR_SERVICE_CALLERS_H
#define WEIR_SERVICE_CALLERS_H

#include <stdint.h>

/* The name of the file that the address is mapped from, without folders; NULL: it is from none. Takes no lock
 * and does not allocate; the string is the linker's. */
const char *callers_file(uintptr_t address);

#endif
