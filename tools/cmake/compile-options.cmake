# weir_warnings: for all C of this project.  weir_runtime_options: for what ends up inside a program's process.
add_library(weir_warnings INTERFACE)
target_compile_features(weir_warnings INTERFACE c_std_17)
target_compile_options(weir_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wpointer-arith -Wwrite-strings -Wformat=2>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-missing-field-initializers>
    $<$<AND:$<COMPILE_LANGUAGE:C>,$<BOOL:${WEIR_WERROR}>>:-Werror>)
# Defined as empty, so that a source may define _GNU_SOURCE itself without a warning.
target_compile_definitions(weir_warnings INTERFACE
    _GNU_SOURCE= $<$<BOOL:${WEIR_DEBUG_CHECKS}>:WEIR_DEBUG_CHECKS=1>)
target_include_directories(weir_warnings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
if(WEIR_SANITIZER)
    target_compile_options(weir_warnings INTERFACE
        -fsanitize=${WEIR_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(weir_warnings INTERFACE -fsanitize=${WEIR_SANITIZER})
endif()

# -fno-builtin-malloc and kin: the compiler must not see malloc + memset and write a call to calloc inside calloc.
# initial-exec: a thread's cache is one load away; the library is preloaded or linked, not opened late.
add_library(weir_runtime_options INTERFACE)
target_link_libraries(weir_runtime_options INTERFACE weir_warnings)
target_compile_options(weir_runtime_options INTERFACE
    -fPIC -fvisibility=hidden -fno-semantic-interposition -ftls-model=initial-exec -fno-plt
    -fno-tree-slp-vectorize -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
    -ffunction-sections -fdata-sections)

set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
