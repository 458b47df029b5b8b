#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A tool of the build: turns policies into C, so that the launcher reads no file for them.
 *
 *      embed OUTPUT NAME.policy...
 *
 * Comments are left out, but not their lines: messages name the line of the file in policies/.
 */

static void put_escaped(FILE *out, const char *text)
{
        for (; *text && *text != '\n'; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', out);
                fputc(*text, out);
        }
}

static void put_name(FILE *out, const char *path)
{
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;

        fprintf(out, "%.*s", (int)(strlen(name) - strlen(".policy")), name);
}

static int put_text(FILE *out, const char *path)
{
        FILE *in = fopen(path, "re");
        char line[8192];

        if (!in) {
                perror(path);
                return -1;
        }
        fputs("static const char text_", out);
        put_name(out, path);
        fputs("[] =\n", out);
        while (fgets(line, sizeof(line), in)) {
                fputs("        \"", out);
                if (line[strspn(line, " \t")] != '#')
                        put_escaped(out, line);
                fputs("\\n\"\n", out);
        }
        fputs("        \"\";\n\n", out);
        int r = ferror(in);
        return fclose(in) == 0 ? -r : -1;
}

static void put_lookup(FILE *out, int n, char **paths)
{
        fputs("const char *const policy_builtin_names[] = { ", out);
        for (int i = 0; i < n; i++) {
                fputc('"', out);
                put_name(out, paths[i]);
                fputs("\", ", out);
        }
        fputs("NULL };\n\nconst char *policy_builtin(const char *name)\n{\n", out);
        for (int i = 0; i < n; i++) {
                fputs("        if (str_eq(name, \"", out);
                put_name(out, paths[i]);
                fputs("\"))\n                return text_", out);
                put_name(out, paths[i]);
                fputs(";\n", out);
        }
        fputs("        return NULL;\n}\n", out);
}

int main(int argc, char **argv)
{
        FILE *out = argc > 2 ? fopen(argv[1], "we") : NULL;

        if (!out) {
                perror(argc > 1 ? argv[1] : "embed");
                return 1;
        }
        fputs("#include \"policy.h\"\n\n#include \"str.h\"\n\n", out);
        for (int i = 2; i < argc; i++) {
                if (put_text(out, argv[i]) != 0) {
                        fclose(out);
                        return 1;
                }
        }
        put_lookup(out, argc - 2, argv + 2);
        int r = ferror(out);
        return fclose(out) == 0 && r == 0 ? 0 : 1;
}
