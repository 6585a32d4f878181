# pawl_add_room(<name> [ABOVE <room>]): the object library pawl_<name>, to which the room's CMakeLists.txt adds its
# sources. ABOVE names the next lower floor, whose requirements it takes over.
function(pawl_add_room name)
    cmake_parse_arguments(PARSE_ARGV 1 room "" "ABOVE" "")
    add_library(pawl_${name} OBJECT)
    target_link_libraries(pawl_${name} PUBLIC pawl_settings PRIVATE pawl_warnings)
    if(room_ABOVE)
        target_link_libraries(pawl_${name} PUBLIC pawl_${room_ABOVE})
    endif()
    # One set of objects makes the static and the shared library. Thread-local state is a pointer or two, so it may
    # live in the static block, where reaching it is a load and not a call.
    target_compile_options(pawl_${name} PRIVATE -ftls-model=initial-exec)
    set_target_properties(pawl_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    set_property(GLOBAL APPEND PROPERTY PAWL_ROOMS pawl_${name})
endfunction()
