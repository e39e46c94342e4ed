# What the launcher has besides its .c files: the image (built by a command of its own, so that no flag of the project gets into it)
# and the static program.
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
    message(FATAL_ERROR "fakeca run needs timeshift_${CMAKE_SYSTEM_PROCESSOR}.c and an image for this processor")
endif()
set(image_source ${CMAKE_CURRENT_SOURCE_DIR}/timeshift/image/image_x86_64.c)
set(image_script ${CMAKE_CURRENT_SOURCE_DIR}/timeshift/image/image_x86_64.lds)
set(image_file ${CMAKE_CURRENT_BINARY_DIR}/timeshift_image.so)
add_custom_command(
    OUTPUT ${image_file}
    COMMAND ${CMAKE_C_COMPILER} -std=c11 -Wall -Wextra -Werror -O2 -fPIC -nostdlib -ffreestanding -fno-builtin
        -fno-stack-protector -fcf-protection=none -fvisibility=hidden -I${CMAKE_CURRENT_SOURCE_DIR}
        -shared -Wl,-Bsymbolic,--hash-style=both,-soname=linux-vdso.so.1,--build-id=sha1,--no-undefined,-z,noexecstack
        -Wl,-T,${image_script} -s -o ${image_file} ${image_source}
    DEPENDS ${image_source} ${image_script} ${CMAKE_CURRENT_SOURCE_DIR}/timeshift/image/image.h
        ${CMAKE_CURRENT_SOURCE_DIR}/base/base_clock_int.h
    VERBATIM)
fc_embed(timeshift fc_timeshift_image ${image_file})

# fakeca-run: sources anew, for a static program takes neither sanitizers nor the libraries that fc_base is linked with
file(GLOB run_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/timeshift/*.c)
foreach(name alloc assert buf clock clock_file duration err opt text time version)
    list(APPEND run_sources ${CMAKE_CURRENT_SOURCE_DIR}/base/base_${name}.c)
endforeach()
get_target_property(run_options fakeca_flags INTERFACE_COMPILE_OPTIONS)
list(FILTER run_options EXCLUDE REGEX "sanitize")
add_executable(fakeca-run ${CMAKE_CURRENT_SOURCE_DIR}/timeshift/program/fakeca_run.c ${run_sources}
    ${CMAKE_CURRENT_BINARY_DIR}/embed_fc_timeshift_image.c)
add_dependencies(fakeca-run fc_timeshift) # one of the two makes the embedded file
target_compile_options(fakeca-run PRIVATE ${run_options})
target_compile_definitions(fakeca-run PRIVATE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE FAKECA_VERSION="${FAKECA_VERSION}")
target_include_directories(fakeca-run PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_options(fakeca-run PRIVATE -static)
set_target_properties(fakeca-run PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
install(TARGETS fakeca-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
