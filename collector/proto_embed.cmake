# cmake -DOUT=builtins.c -DDIR=proto folder "-DFILES=a/b.proto c/d.proto" -P proto_embed.cmake
# Writes the texts of the .proto files that every schema may import as C arrays, for proto_text.cc.
separate_arguments(FILES)
set(arrays "")
set(table "")
set(n 0)
foreach(file ${FILES})
    file(READ ${DIR}/${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char text_${n}[] = {\n${bytes}\n};\n")
    string(APPEND table "    {\"${file}\", text_${n}, sizeof text_${n}},\n")
    math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "struct hrd_proto_builtin {\n    const char *name;\n    const unsigned char *text;\n    unsigned n;\n};\n"
    "extern const struct hrd_proto_builtin hrd_proto_builtins[];\nextern const unsigned hrd_n_proto_builtins;\n\n"
    "${arrays}\nconst struct hrd_proto_builtin hrd_proto_builtins[] = {\n${table}    {0, 0, 0},\n};\n"
    "const unsigned hrd_n_proto_builtins = ${n};\n")
