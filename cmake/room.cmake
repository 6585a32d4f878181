# pawl_compile_as_library(<target>): how every source of the library is compiled, whichever library it goes into.
#
# pawl_add_room(<name> [ABOVE <room>]): the object library pawl_<name>, to which the room's CMakeLists.txt adds its
# sources. ABOVE names the next lower floor, whose requirements it takes over.

function(pawl_compile_as_library target)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:pawl_settings> $<BUILD_INTERFACE:pawl_warnings>)
    # One set of objects makes the static and the shared library. Thread-local state is small, so it may
    # live in the static block, where reaching it is a load and not a call.
    target_compile_options(${target} PRIVATE -ftls-model=initial-exec)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

function(pawl_add_room name)
    cmake_parse_arguments(PARSE_ARGV 1 room "" "ABOVE" "")
    add_library(pawl_${name} OBJECT)
    pawl_compile_as_library(pawl_${name})
    target_link_libraries(pawl_${name} PUBLIC pawl_settings)
    if(room_ABOVE)
        target_link_libraries(pawl_${name} PUBLIC pawl_${room_ABOVE})
    endif()
    set_property(GLOBAL APPEND PROPERTY PAWL_ROOMS pawl_${name})
endfunction()
