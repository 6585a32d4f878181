# Installation: libraries, headers, the package (find_package(pawl): pawl::pawl, pawl::pawl_shared, pawl::asan,
# pawl::tsan) and the files for pkg-config (pawl, pawl-asan, pawl-tsan).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(libraries pawl_plain pawl_shared)
if(PAWL_INSTALL_SANITIZED)
    set(variants asan tsan)
    list(APPEND libraries pawl_asan pawl_tsan)
endif()

install(TARGETS ${libraries} EXPORT pawl FILE_SET HEADERS)
install(EXPORT pawl NAMESPACE pawl:: FILE pawlTargets.cmake DESTINATION ${package_dir})

configure_package_config_file(cmake/pawlConfig.cmake.in pawlConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pawlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
    FILES
        ${PROJECT_BINARY_DIR}/pawlConfig.cmake
        ${PROJECT_BINARY_DIR}/pawlConfigVersion.cmake
        cmake/PawlDependencies.cmake
    DESTINATION ${package_dir}
)

# The .pc files find their neighbours from where they lie themselves, so that an installation can be moved.
file(RELATIVE_PATH pc_to_lib /prefix/${pkgconfig_dir} /prefix/${CMAKE_INSTALL_LIBDIR})
file(RELATIVE_PATH pc_to_include /prefix/${pkgconfig_dir} /prefix/${CMAKE_INSTALL_INCLUDEDIR})
set(pc_requires "-lurcu-bp -lurcu-common -l:libboost_context.a -pthread")
configure_file(cmake/pawl.pc.in pawl.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pawl.pc DESTINATION ${pkgconfig_dir})
foreach(variant IN LISTS variants)
    string(TOUPPER ${variant} flags)
    list(JOIN PAWL_${flags}_COMPILE " " pc_compile)
    list(JOIN PAWL_${flags}_LINK " " pc_link)
    configure_file(cmake/pawl-variant.pc.in pawl-${variant}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/pawl-${variant}.pc DESTINATION ${pkgconfig_dir})
endforeach()
