# What `cmake --install` puts where, and how others find it: find_package(weir), pkg-config weir and weir-bench.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

install(TARGETS weir_shared weir_static weir_bench EXPORT weir)
if(TARGET weir_malloc)
    set_target_properties(weir_malloc PROPERTIES EXPORT_NAME malloc)
    install(TARGETS weir_malloc EXPORT weir)
endif()
if(TARGET weir_http)
    install(TARGETS weir_http DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET weir_command)
    install(TARGETS weir_command)
endif()
install(DIRECTORY include/ TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE TYPE DOC)
if(page_folder)
    install(FILES ${uplot_folder}/package/LICENSE TYPE DOC RENAME LICENSE.uPlot)
endif()
foreach(section IN ITEMS 1 3 7)
    file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# Exports weir::weir, weir::weir-static, weir::bench, and weir::malloc, whose file is what goes into LD_PRELOAD.
install(EXPORT weir FILE weirTargets.cmake NAMESPACE weir:: DESTINATION ${package_dir})
configure_package_config_file(tools/cmake/weirConfig.cmake.in ${PROJECT_BINARY_DIR}/weirConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weirConfig.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
    DESTINATION ${package_dir})

# The prefix is found from where the file lies, so that an installed tree may be moved.
file(RELATIVE_PATH prefix_from_pc /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
foreach(pc IN ITEMS weir.pc weir-bench.pc)
    configure_file(tools/cmake/${pc}.in ${PROJECT_BINARY_DIR}/${pc} @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
