# The libraries and the command. Each library carries its own jemalloc and needs nothing but libc.
find_package(Threads REQUIRED)
include(CheckLinkerFlag)
check_linker_flag(C -Wl,-z,pack-relative-relocs WEIR_LINKER_PACKS_RELOCATIONS)
set(layout ${PROJECT_SOURCE_DIR}/tools/cmake/layout.ld)
set(layout_options -Wl,-z,noseparate-code -Wl,-T,${layout})
check_linker_flag(C "${layout_options}" WEIR_LINKER_TAKES_LAYOUT)

function(weir_public_headers target)
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

function(weir_shared_library target version_script)
    weir_public_headers(${target})
    target_link_libraries(${target} PRIVATE weir_core weir_runtime_options weir_jemalloc)
    target_link_options(${target} PRIVATE
        -static-libgcc -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,--as-needed -Wl,-z,defs
        -Wl,-z,relro -Wl,-z,now -Wl,-O1 -Wl,--hash-style=gnu
        $<$<BOOL:${WEIR_LINKER_PACKS_RELOCATIONS}>:-Wl,-z,pack-relative-relocs>
        $<$<BOOL:${WEIR_LINKER_TAKES_LAYOUT}>:${layout_options}>
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/tools/cmake/${version_script})
    set_target_properties(${target} PROPERTIES
        LINK_DEPENDS "${PROJECT_SOURCE_DIR}/tools/cmake/${version_script};${layout}")
endfunction()

add_library(weir_shared SHARED)
set_target_properties(weir_shared PROPERTIES
    OUTPUT_NAME weir EXPORT_NAME weir VERSION ${PROJECT_VERSION} SOVERSION 0)
weir_shared_library(weir_shared libweir.map)

# libweir.a: one object in which only the public names are global, so that a program may link the real jemalloc too.
set(merged_object ${PROJECT_BINARY_DIR}/weir-merged.o)
add_custom_command(OUTPUT ${merged_object}
    COMMAND ${CMAKE_COMMAND} -E env LD=${CMAKE_LINKER} OBJCOPY=${CMAKE_OBJCOPY}
        ${PROJECT_SOURCE_DIR}/tools/cmake/merge-objects ${merged_object} $<TARGET_OBJECTS:weir_core>
        $<TARGET_FILE:weir_jemalloc> $<TARGET_FILE:weir_jemalloc_standins>
    DEPENDS $<TARGET_OBJECTS:weir_core> weir_jemalloc_standins weir_prefix_jemalloc ${prefixed_jemalloc}
        ${PROJECT_SOURCE_DIR}/tools/cmake/merge-objects
    COMMAND_EXPAND_LISTS COMMENT "Merging libweir.a into one object" VERBATIM)
add_library(weir_static STATIC ${merged_object})
add_dependencies(weir_static weir_core) # Make does not see it through the merged object
set_source_files_properties(${merged_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
set_target_properties(weir_static PROPERTIES OUTPUT_NAME weir EXPORT_NAME weir-static LINKER_LANGUAGE C)

target_link_libraries(weir_static INTERFACE Threads::Threads)
weir_public_headers(weir_static)

add_library(weir::weir ALIAS weir_shared)
add_library(weir::weir-static ALIAS weir_static)

if(NOT WEIR_API_ONLY)
    add_library(weir_swap OBJECT ${swap_sources})
    target_link_libraries(weir_swap PRIVATE weir_runtime_options)
    add_library(weir_malloc SHARED $<TARGET_OBJECTS:weir_swap>)
    set_target_properties(weir_malloc PROPERTIES OUTPUT_NAME weir-malloc)
    weir_shared_library(weir_malloc libweir-malloc.map)
    add_library(weir::malloc ALIAS weir_malloc)
endif()

# libweir-http.so: the endpoint, opened by the swap-in when WEIR_HTTP is set. It uses the public API of the library that opens it.
find_library(WEIR_MICROHTTPD NAMES microhttpd DOC "libmicrohttpd (Debian: libmicrohttpd-dev)")
find_path(WEIR_MICROHTTPD_INCLUDE NAMES microhttpd.h)
mark_as_advanced(WEIR_MICROHTTPD WEIR_MICROHTTPD_INCLUDE)
if(NOT WEIR_MICROHTTPD OR NOT WEIR_MICROHTTPD_INCLUDE)
    message(STATUS "libmicrohttpd (Debian: libmicrohttpd-dev) is missing: the HTTP endpoint is left out")
elseif(TARGET weir_malloc)
    file(GLOB http_sources CONFIGURE_DEPENDS runtime/http/*.c)
    add_library(weir_http MODULE ${http_sources} "$<FILTER:$<TARGET_OBJECTS:weir_core>,INCLUDE,${system_objects}>")
    set_target_properties(weir_http PROPERTIES OUTPUT_NAME weir-http PREFIX lib)
    target_include_directories(weir_http SYSTEM PRIVATE ${WEIR_MICROHTTPD_INCLUDE})
    target_link_libraries(weir_http PRIVATE weir_warnings ${WEIR_MICROHTTPD})
    include(tools/cmake/page.cmake)
    if(page_folder)
        target_sources(weir_http PRIVATE ${page_files})
        set_source_files_properties(runtime/http/page.c PROPERTIES OBJECT_DEPENDS ${page_files}
            COMPILE_DEFINITIONS WEIR_PAGE INCLUDE_DIRECTORIES ${page_folder})
    endif()
    target_compile_options(weir_http PRIVATE -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections)
    target_link_options(weir_http PRIVATE -static-libgcc -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro -Wl,-z,now
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/tools/cmake/libweir-http.map)
endif()

if(NOT WEIR_API_ONLY)
    add_executable(weir_command ${command_sources})
    set_target_properties(weir_command PROPERTIES OUTPUT_NAME weir)
    # From the core the command takes the options and what they include, the size classes, the version, and the writer of profiles.
    target_sources(weir_command PRIVATE
        "$<FILTER:$<TARGET_OBJECTS:weir_core>,INCLUDE,${system_objects}|/cells/classes.c|/version.c|/observe/proto.c>")
    target_link_libraries(weir_command PRIVATE weir_warnings m)
    # `weir report` names addresses by elfutils, `weir layout` reads types.
    find_library(elfutils_library NAMES dw)
    find_library(elf_library NAMES elf)
    find_path(elfutils_include NAMES elfutils/libdwfl.h)
    find_package(ZLIB)
    if(elfutils_library AND elf_library AND elfutils_include AND ZLIB_FOUND)
        target_sources(weir_command PRIVATE ${report_sources})
        target_compile_definitions(weir_command PRIVATE WEIR_HAS_ELFUTILS)
        target_link_libraries(weir_command PRIVATE ${elfutils_library} ${elf_library} ZLIB::ZLIB)
    else()
        message(STATUS "elfutils (Debian: libdw-dev) or zlib is missing: weir report and weir layout are left out")
    endif()
    # weir top is live with ncurses, and prints once without.
    find_library(WEIR_NCURSES NAMES ncursesw ncurses DOC "ncurses (Debian: libncurses-dev)")
    find_library(WEIR_TINFO NAMES tinfo)
    find_path(WEIR_NCURSES_INCLUDE NAMES ncurses.h)
    mark_as_advanced(WEIR_NCURSES WEIR_TINFO WEIR_NCURSES_INCLUDE)
    if(WEIR_NCURSES AND WEIR_NCURSES_INCLUDE)
        target_compile_definitions(weir_command PRIVATE WEIR_NCURSES=1)
        target_link_libraries(weir_command PRIVATE ${WEIR_NCURSES} $<$<BOOL:${WEIR_TINFO}>:${WEIR_TINFO}>)
    else()
        message(STATUS "ncurses (Debian: libncurses-dev) is missing: weir top is not live")
    endif()
    # The path of the installed swap-in, relative to the installed command. In the build tree both lie in one folder.
    file(RELATIVE_PATH malloc_from_command /p/${CMAKE_INSTALL_BINDIR} /p/${CMAKE_INSTALL_LIBDIR}/libweir-malloc.so)
    # The benchmarks of weir bench likewise.
    file(RELATIVE_PATH bench_from_command /p/${CMAKE_INSTALL_BINDIR} /p/${CMAKE_INSTALL_LIBEXECDIR}/weir/bench)
    target_compile_definitions(weir_command PRIVATE WEIR_MALLOC_FROM_COMMAND="${malloc_from_command}"
        WEIR_BENCH_FROM_COMMAND="${bench_from_command}")
    target_link_options(weir_command PRIVATE -static-libgcc -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now)
endif()
