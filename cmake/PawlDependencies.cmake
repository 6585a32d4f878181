# What the library links. Used by the build and, installed, by find_package(pawl).

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Its pkg-config file names liburcu-common too, where the wait-free queue is.
pkg_check_modules(PAWL_URCU REQUIRED IMPORTED_TARGET liburcu-bp)

# The static library: its context switch is three assembly files, the shared one would bring in libstdc++.
find_library(PAWL_BOOST_CONTEXT libboost_context.a REQUIRED)
mark_as_advanced(PAWL_BOOST_CONTEXT)
if(NOT TARGET pawl::boost_context)
    add_library(pawl::boost_context STATIC IMPORTED)
    set_target_properties(pawl::boost_context PROPERTIES IMPORTED_LOCATION ${PAWL_BOOST_CONTEXT})
endif()
