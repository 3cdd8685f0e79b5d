/* http: the interface of libweir-http.so, which the swap-in opens when WEIR_HTTP asks for an endpoint.
 *
 * This folder: libweir-http.so, the endpoint. It uses the heap by the public API alone. What it includes of
 * other folders needs no heap; the library contains a copy of it.
 */
#ifndef WEIR_HTTP_HTTP_H
#define WEIR_HTTP_HTTP_H

#include <stdatomic.h>
#include <stdint.h>

/* Serve at 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:/PATH from a thread of its own, until the
 * process ends. If that is not possible, a line says why, and the program goes on without an endpoint. *bytes
 * is kept at the size of the endpoint's memory. */
__attribute__((visibility("default"))) void weir_http_start(const char *address, _Atomic uint64_t *bytes);

#endif
