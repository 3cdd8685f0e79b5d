/* canary: bytes around a block that no correct program writes: each word is made of its own address and a
 * secret of the process, so that it can neither be copied nor guessed. No byte is ASCII or zero, so text or
 * zeros written over it are noticed.
 *
 * A canary ends at a multiple of 8, and starts anywhere. The caller holds the lock of hardening (harden.c).
 */
#ifndef WEIR_HARDEN_CANARY_H
#define WEIR_HARDEN_CANARY_H

#include <stdbool.h>

void canary_fill(char *from, char *end);
bool canary_is_whole(const char *from, const char *end);

#endif
