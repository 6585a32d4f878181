# Installation: libraries, headers, the package (find_package(pawl), pawl::pawl) and pawl.pc.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS pawl pawl_shared EXPORT pawl FILE_SET HEADERS)
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

# pawl.pc finds its neighbours from where it lies itself, so that an installation can be moved.
file(RELATIVE_PATH pc_to_lib /prefix/${pkgconfig_dir} /prefix/${CMAKE_INSTALL_LIBDIR})
file(RELATIVE_PATH pc_to_include /prefix/${pkgconfig_dir} /prefix/${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/pawl.pc.in pawl.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pawl.pc DESTINATION ${pkgconfig_dir})
