# weir_jemalloc: jemalloc under names of its own (weir_je_mallocx …), asleep until called; the extent allocator.
find_library(WEIR_JEMALLOC_ARCHIVE NAMES libjemalloc_pic.a REQUIRED
    DOC "Static, position-independent jemalloc 5.3 (Debian: libjemalloc-dev)")

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
