// SPDX-License-Identifier: Apache-2.0
/*
 * Feeds every file of a folder to a fuzz target once, so that what a fuzzer has found stays found
 * in builds without libFuzzer. Usage: replay_NAME FOLDER...
 */
#include "base/arena.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_MAX_BYTES ((size_t)16 << 20) /* bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy on the heap, so that the sanitizers see a read past its end. */
static bool feed(const char *path) {
    static uint8_t bytes[INPUT_MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *input = malloc(n > 0 ? n : 1);
    if (input == NULL)
        return false;
    memcpy(input, bytes, n);
    printf("%s\n", path);
    fflush(stdout); /* names the culprit if this is the last line */
    LLVMFuzzerTestOneInput(input, n);
    free(input);
    return true;
}

/* How many files were fed; -1 for an error. */
static int feed_folder(const char *folder) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int n = 0;
    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    while (n >= 0 && (entry = readdir(dir)) != NULL) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            n = feed(path) ? n + 1 : -1;
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv) {
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int n = feed_folder(argv[i]);
        if (n < 0)
            return 1;
        total += n;
    }
    printf("%d inputs\n", total);
    /* An empty corpus would pass without having looked at anything. */
    return total > 0 ? 0 : 1;
}
