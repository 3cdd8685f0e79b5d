/* sandbox: see sandbox.h. */
#include "runtime/os/sandbox.h"

_Atomic bool sandbox_begun;
