# Toolchain: this machine, with musl in place of glibc (Debian: musl-tools). musl-tools has no kernel headers: the system's are used.
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CXX_COMPILER g++) # for nothing that is linked: musl-tools has no C++ library
foreach(headers IN ITEMS linux asm-generic x86_64-linux-gnu/asm)
    get_filename_component(name ${headers} NAME)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/kernel)
    file(CREATE_LINK /usr/include/${headers} ${CMAKE_BINARY_DIR}/kernel/${name} SYMBOLIC)
endforeach()
file(CREATE_LINK /usr/include/jemalloc ${CMAKE_BINARY_DIR}/kernel/jemalloc SYMBOLIC)
set(CMAKE_C_FLAGS_INIT "-isystem ${CMAKE_BINARY_DIR}/kernel")
