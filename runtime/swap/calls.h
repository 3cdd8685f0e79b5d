/* calls: the stack of calls, by the unwinder of libgcc_s.so.1, which is loaded for it and needs no frame pointers. */
#ifndef WEIR_SWAP_CALLS_H
#define WEIR_SWAP_CALLS_H

#include "runtime/heap/origin.h"

/* Load the unwinder and have the origin of blocks found by it. May allocate; once, when the program begins. */
void calls_prepare(void);

/* Where the calling thread's stack begins to be the program's, as seen from code that the C library called when the program
 * called exit: the frames of exit are full of old words. `here`, and nothing in held, if that cannot be found out. */
origin_frame_t calls_program_frame(const void *here);

#endif
