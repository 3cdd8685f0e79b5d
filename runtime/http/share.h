/* share: the process's side of the page that `weir top` reads (shared_page.h). */
#ifndef WEIR_HTTP_SHARE_H
#define WEIR_HTTP_SHARE_H

/* Make the page, and its thread with all signals blocked. If there is no memory or no thread for it there is no page; readers
 * then ask at the socket. Once. */
void share_start(void);

#endif
