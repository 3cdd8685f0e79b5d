/* exclude: WEIR_KEEP and WEIR_NOSCAN: which blocks of malloc collect mode keeps, and which it does not scan.
 *
 * The caller that asks for a block is found by the unwinder: the first frame that is neither in this library
 * nor in the C and C++ libraries, so that what strdup or std::string allocate is their caller's. The dynamic
 * linker knows which library the frame is in. This takes a microsecond or two a block; rules for sizes alone
 * need no unwinding.
 */
#ifndef WEIR_SERVICE_EXCLUDE_H
#define WEIR_SERVICE_EXCLUDE_H

/* Called once, when the program begins. Blocks that were allocated before, by constructors of libraries, are
 * kept if there is a rule to keep any library's blocks. */
void exclude_prepare(void);

#endif
