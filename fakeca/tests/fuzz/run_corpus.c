/* Feeds every file of the folders named to the fuzz target once: the corpus as a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    struct stat st;

    if (!file || fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
        if (file)
            fclose(file);
        return 0;
    }
    uint8_t *data = malloc((size_t)st.st_size + 1);
    size_t len = data ? fread(data, 1, (size_t)st.st_size, file) : 0;
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    fclose(file);
    return 1;
}

int main(int argc, char **argv)
{
    int ran = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            fprintf(stderr, "no folder '%s'\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
            char path[4096];
            if (snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) < (int)sizeof path)
                ran += run_file(path);
        }
        closedir(dir);
    }
    printf("%d inputs\n", ran);
    return ran == 0;
}
