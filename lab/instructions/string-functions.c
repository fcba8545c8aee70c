// Calls the C library's string functions with random arguments, writes what they returned to standard output, a line
// each, and dies with the same memory: the emulator then calls the same code with the same arguments.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <wchar.h>

enum { page = 4096, pages = 3, size = page * pages, target = 8192 };
static uint32_t state = 12345;

static uint32_t next(void) {
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

// What an argument is: an address in the first text, in the second one, a byte, a length, a place to write to.
struct function {
	const char *name;
	void *address;
	const char *arguments;
};

#define F(name, arguments) {#name, (void *)name, arguments}
static struct function functions[] = {
	F(strlen, "t"), F(strnlen, "tn"), F(strchr, "tb"), F(strchrnul, "tb"), F(strrchr, "tb"), F(strcmp, "ts"),
	F(strncmp, "tsn"), F(strcasecmp, "ts"), F(strncasecmp, "tsn"), F(strspn, "tk"), F(strcspn, "tk"), F(strpbrk, "tk"),
	F(strstr, "tk"), F(memchr, "tbn"), F(memrchr, "tbn"), F(rawmemchr, "tz"), F(memcmp, "tsn"), F(memcpy, "dtn"),
	F(memmove, "dtn"), F(memset, "dbn"), F(mempcpy, "dtn"), F(strcpy, "dt"), F(stpcpy, "dt"), F(strncpy, "dtn"),
	F(stpncpy, "dtn"), F(strcat, "Dt"), F(strncat, "Dtn"), F(wcslen, "w"), F(wmemset, "dbm"), F(wcschr, "wb"),
	F(memmem, "tnkk"), F(strcoll, "ts"),
};

static uint32_t sum(const unsigned char *bytes, size_t count) {
	uint32_t hash = 2166136261u;
	for (size_t at = 0; at < count; at++) hash = (hash ^ bytes[at]) * 16777619u;
	return hash;
}

static unsigned char *map(void) {
	unsigned char *start = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	// Whoever reads past the end dies.
	mprotect(start + size, page, PROT_NONE);
	return start;
}

int main(int argc, char **argv) {
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	unsigned char *text = map(), *second = map(), *to = map();
	static unsigned char kept[target];
	for (int at = 0; at < size; at++) {
		text[at] = second[at] = next() % 97 == 0 ? 0 : 'a' + next() % 4;
		to[at] = 'A' + at % 23;
	}
	for (int at = 0; at < size; at += 301) second[at] = 'A' + next() % 4;
	// Long runs without an end, and the wide text's end.
	memset(text + 1024, 'b', 2048);
	memset(text + size - 8, 0, 8);
	memset(second + size - 8, 0, 8);
	printf("memory %p %p %p %d\n", text, second, to, target);
	for (unsigned index = 0; index < sizeof functions / sizeof *functions; index++) {
		struct function *f = &functions[index];
		for (int round = 0; round < rounds; round++) {
			uintptr_t words[4] = {0, 0, 0, 0};
			// Often near the end of a page, and of all memory.
			uint32_t from = next() % 3 ? size - 1 - next() % 300 : next() % (size - 1);
			uint32_t other = next() % 3 ? size - 1 - next() % 300 : from % 64 + 64 * (next() % 60);
			uint32_t length = next() % 4 ? next() % 70 : next() % 600;
			uint32_t most = size - (from > other ? from : other);
			if (length > most) length = most;
			for (int at = 0; f->arguments[at]; at++) {
				switch (f->arguments[at]) {
				case 't': words[at] = (uintptr_t)text + from; break;
				case 's': words[at] = (uintptr_t)second + other; break;
				case 'k': words[at] = at == 3 ? 3 : (uintptr_t)second + size - 8 - 1 - next() % 6; break;
				case 'w': words[at] = (uintptr_t)text + (from & ~3u); break;
				case 'b': words[at] = next() % 3 ? 'a' + next() % 5 : 0; break;
				case 'z': words[at] = 0; break;
				case 'n': words[at] = length; break;
				case 'm': words[at] = length / 4; break;
				case 'd': words[at] = (uintptr_t)to + 64 + next() % 70; break;
				case 'D': words[at] = (uintptr_t)to + 64 + next() % 70; to[words[at] - (uintptr_t)to + next() % 20] = 0; break;
				}
			}
			memcpy(kept, to, target);
			uint32_t before = sum(to, target);
			uintptr_t (*call)(uintptr_t, uintptr_t, uintptr_t, uintptr_t) = f->address;
			uintptr_t result = call(words[0], words[1], words[2], words[3]);
			printf("%s %p %#lx %#lx %#lx %#lx %#lx %u %u %d\n", f->name, f->address, words[0], words[1], words[2], words[3], result,
				before, sum(to, target), f->arguments[0] == 'D' ? (int)(strlen((char *)kept + (words[0] - (uintptr_t)to))) : -1);
			memcpy(to, kept, target);
			for (int at = 0; at < size; at++) to[at] = 'A' + at % 23;
		}
	}
	fflush(stdout);
	abort();
}
