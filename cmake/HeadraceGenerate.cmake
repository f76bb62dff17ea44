# headrace_generate(<target> file.proto ... [IMPORT_DIRS dir ...])
#
# Runs protoc with protoc-gen-headrace for each file and adds what it writes to <target>, which must be one of this
# directory. The target then includes "<file>.headrace.h", or in C++17 "<file>.headrace.hpp", and links headrace::headrace.
#
# headrace/options.proto and buf/validate/validate.proto are found without further ado; IMPORT_DIRS go first.
#
# A file is named as others import it: relative to the first of IMPORT_DIRS it lies in, else to its own folder. A file that
# imports another needs that one's header, so name both in one call, or link a target for which the other was generated.
function(headrace_generate target)
    cmake_parse_arguments(PARSE_ARGV 1 H "" "" "IMPORT_DIRS")
    if(NOT TARGET ${target})
        message(FATAL_ERROR "headrace_generate: there is no target ${target}")
    endif()
    if(NOT H_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "headrace_generate(${target}): name at least one .proto file")
    endif()
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if(NOT "C" IN_LIST languages)
        message(FATAL_ERROR "headrace_generate(${target}): what is generated is C; add C to the languages of project()")
    endif()
    find_program(PROTOC protoc REQUIRED)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/headrace/${target})
    file(MAKE_DIRECTORY ${out})
    get_property(ours GLOBAL PROPERTY HEADRACE_PROTO_DIR)
    set(roots "")
    foreach(dir IN LISTS H_IMPORT_DIRS)
        file(REAL_PATH ${dir} dir BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
        list(APPEND roots ${dir})
    endforeach()

    foreach(file IN LISTS H_UNPARSED_ARGUMENTS)
        file(REAL_PATH ${file} file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
        if(NOT EXISTS ${file})
            message(FATAL_ERROR "headrace_generate(${target}): there is no file ${file}")
        endif()
        cmake_path(GET file PARENT_PATH root)
        foreach(dir IN LISTS roots)
            cmake_path(IS_PREFIX dir ${file} inside)
            if(inside)
                set(root ${dir})
                break()
            endif()
        endforeach()
        set(paths ${roots})
        list(PREPEND paths ${root})
        list(APPEND paths ${ours})
        list(REMOVE_DUPLICATES paths)
        list(TRANSFORM paths PREPEND "-I")

        cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${root} OUTPUT_VARIABLE name)
        string(REGEX REPLACE "\\.proto$" "" base ${name})
        set(made ${out}/${base}.headrace.c ${out}/${base}.headrace.h ${out}/${base}.headrace.hpp)
        # What the file imports is known to protoc alone; it tells by the .d file.
        cmake_path(GET base PARENT_PATH folder)
        file(MAKE_DIRECTORY ${out}/${folder})
        add_custom_command(OUTPUT ${made}
            COMMAND ${PROTOC} --plugin=protoc-gen-headrace=$<TARGET_FILE:headrace::protoc-gen-headrace>
                ${paths} --headrace_out=${out} --dependency_out=${out}/${base}.d ${file}
            DEPENDS ${file} headrace::protoc-gen-headrace
            DEPFILE ${out}/${base}.d
            COMMENT "Generating ${base}.headrace.h for ${target}" VERBATIM)
        target_sources(${target} PRIVATE ${made})
    endforeach()
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${out}>)
endfunction()
