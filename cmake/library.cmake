# libpawl, put together from the rooms: static (pawl, used by everything here) and shared (pawl_shared).

set(public_headers
    include/pawl/base.h
    include/pawl/metrics.h
    include/pawl/pawl.h
    include/pawl/poll.h
    include/pawl/runtime.h
    include/pawl/task.h
    include/pawl/testing.h
    include/pawl/time.h
)
get_property(rooms GLOBAL PROPERTY PAWL_ROOMS)

add_library(pawl STATIC)
add_library(pawl_shared SHARED)
add_library(pawl::pawl ALIAS pawl)
add_library(pawl::pawl_shared ALIAS pawl_shared)

foreach(library IN ITEMS pawl pawl_shared)
    foreach(room IN LISTS rooms)
        target_sources(${library} PRIVATE $<TARGET_OBJECTS:${room}>)
    endforeach()
    target_sources(${library} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${public_headers})
    target_link_libraries(${library} PRIVATE Threads::Threads PkgConfig::PAWL_URCU pawl::boost_context)
    set_target_properties(${library} PROPERTIES
        OUTPUT_NAME pawl
        LINKER_LANGUAGE C
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}
    )
endforeach()

# Nothing of what is linked in can be seen from outside, and nothing is missing but a sanitizer's run-time, which the
# program brings.
target_link_options(pawl_shared PRIVATE -Wl,--exclude-libs,ALL $<$<NOT:$<BOOL:${PAWL_SANITIZE}>>:-Wl,-z,defs>)

# Every public header compiles on its own.
set_target_properties(pawl PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
