# weir_jemalloc: jemalloc under names of its own (weir_je_mallocx …), asleep until called; the extent allocator.
find_library(WEIR_JEMALLOC_ARCHIVE NAMES libjemalloc_pic.a REQUIRED
    DOC "Static, position-independent jemalloc 5.3 (Debian: libjemalloc-dev)")

# The size of its thread-local memory, which is no root of the collector's.
execute_process(COMMAND ${CMAKE_NM} --print-size --defined-only --format=posix ${WEIR_JEMALLOC_ARCHIVE}
    OUTPUT_VARIABLE jemalloc_symbols ERROR_QUIET)
set(jemalloc_thread_local 0)
if(jemalloc_symbols MATCHES "je_tsd_tls [A-Za-z] [0-9a-f]+ ([0-9a-f]+)")
    set(jemalloc_thread_local 0x${CMAKE_MATCH_1})
else()
    message(STATUS "the thread-local memory of jemalloc was not found: it counts as the program's")
endif()
set_source_files_properties(${PROJECT_SOURCE_DIR}/runtime/region/extents.c PROPERTIES
    COMPILE_DEFINITIONS WEIR_JEMALLOC_THREAD_LOCAL=${jemalloc_thread_local})

set(prefixed_jemalloc ${PROJECT_BINARY_DIR}/libjemalloc_prefixed.a)
add_custom_command(OUTPUT ${prefixed_jemalloc}
    COMMAND ${CMAKE_COMMAND} -E env AR=${CMAKE_AR} NM=${CMAKE_NM} OBJCOPY=${CMAKE_OBJCOPY}
        ${PROJECT_SOURCE_DIR}/tools/cmake/prefix-jemalloc ${WEIR_JEMALLOC_ARCHIVE} ${prefixed_jemalloc}
    DEPENDS ${PROJECT_SOURCE_DIR}/tools/cmake/prefix-jemalloc ${WEIR_JEMALLOC_ARCHIVE}
    COMMENT "Renaming jemalloc's symbols to weir_je_*" VERBATIM)
add_custom_target(weir_prefix_jemalloc DEPENDS ${prefixed_jemalloc})

add_library(weir_jemalloc_standins STATIC ${PROJECT_SOURCE_DIR}/tools/cmake/jemalloc-standins.c)
target_link_libraries(weir_jemalloc_standins PRIVATE weir_runtime_options)

add_library(weir_jemalloc STATIC IMPORTED)
set_target_properties(weir_jemalloc PROPERTIES
    IMPORTED_LOCATION ${prefixed_jemalloc}
    INTERFACE_LINK_LIBRARIES "$<LINK_ONLY:weir_jemalloc_standins>")
add_dependencies(weir_jemalloc weir_prefix_jemalloc)
