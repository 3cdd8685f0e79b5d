/* share: the process's side of the page that `weir top` reads (shared_page.h). */
#ifndef WEIR_HTTP_SHARE_H
#define WEIR_HTTP_SHARE_H

#include <stddef.h>

/* Make the page, and its thread with all signals blocked. Once. Returns how many bytes it has: 0 if there is
 * no memory or no thread for it; readers then ask at the socket. */
size_t share_start(void);

#endif
