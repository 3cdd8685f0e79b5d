/* weir/api.h: what every other header of weir stands on: marks a function as part of the library's face. */
#ifndef WEIR_API_H
#define WEIR_API_H

#define WEIR_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define WEIR_API_BEGIN extern "C" {
#define WEIR_API_END }
#else
#define WEIR_API_BEGIN
#define WEIR_API_END
#endif

#endif
