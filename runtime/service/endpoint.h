/* endpoint: opening libweir-http.so, which lies beside this library, if WEIR_HTTP asks for it. */
#ifndef WEIR_SERVICE_ENDPOINT_H
#define WEIR_SERVICE_ENDPOINT_H

/* When the program begins. Nothing is opened unless WEIR_HTTP is set, and WEIR_HTTP_PID is this process or
 * not set. */
void endpoint_start(void);

#endif
