/* exclude: WEIR_KEEP and WEIR_NOSCAN: which blocks of malloc collect mode keeps, and which it does not look
 * into.
 *
 * The caller that asks for a block is found by the unwinder: the first frame that is neither in this library
 * nor in the C and C++ libraries, so that what strdup or std::string allocate is their caller's. Which
 * library that is the dynamic linker knows. That costs a microsecond or two; rules for sizes alone cost
 * nothing of the kind.
 */
#ifndef WEIR_SERVICE_EXCLUDE_H
#define WEIR_SERVICE_EXCLUDE_H

/* Once, when the program begins. What is allocated before, by constructors of libraries, is kept if any
 * library's is. */
void exclude_prepare(void);

#endif
