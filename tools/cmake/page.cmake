# The page at /: the files of runtime/http/page and uPlot, which npm fetches, as C. Sets page_folder to where page_files is;
# empty: the page is left out, and a line says why. -DWEIR_NPM=OFF leaves it out on purpose.
set(uplot_version 1.6.32)
set(uplot_sha256 4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d)

find_program(WEIR_NPM NAMES npm DOC "npm (Debian: npm)")
mark_as_advanced(WEIR_NPM)
set(uplot_folder ${PROJECT_BINARY_DIR}/uplot)
set(uplot_files ${uplot_folder}/package/dist/uPlot.iife.min.js ${uplot_folder}/package/dist/uPlot.min.css)
set(page_folder ${PROJECT_BINARY_DIR}/generated)
set(page_files ${page_folder}/runtime/http/page_files.inc)

# npm pack downloads the one archive, or takes it from npm's cache, and runs nothing of it.
function(uplot_fetch)
    set(archive ${uplot_folder}/uplot-${uplot_version}.tgz)
    file(MAKE_DIRECTORY ${uplot_folder})
    execute_process(COMMAND ${WEIR_NPM} pack --silent --prefer-offline uplot@${uplot_version}
        WORKING_DIRECTORY ${uplot_folder} TIMEOUT 60 RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0 AND EXISTS ${archive})
        file(SHA256 ${archive} sha256)
        if(sha256 STREQUAL uplot_sha256)
            file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${uplot_folder})
        endif()
    endif()
endfunction()

list(GET uplot_files 0 uplot_script)
if(WEIR_NPM AND NOT EXISTS ${uplot_script})
    uplot_fetch()
endif()
if(NOT WEIR_NPM)
    message(STATUS "npm (Debian: npm) is missing: the page of the HTTP endpoint is left out")
    set(page_folder "")
elseif(NOT EXISTS ${uplot_script})
    message(STATUS "npm could not fetch uPlot ${uplot_version}: the page of the HTTP endpoint is left out")
    set(page_folder "")
else()
    file(GLOB page_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/http/page/*)
    set(embed ${PROJECT_SOURCE_DIR}/tools/cmake/embed.cmake)
    add_custom_command(OUTPUT ${page_files}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${page_files} -P ${embed} ${page_sources} ${uplot_files}
        DEPENDS ${page_sources} ${uplot_files} ${embed} VERBATIM COMMENT "Putting the page into C")
endif()
