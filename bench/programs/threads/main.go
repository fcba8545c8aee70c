// Threads of C, each waiting below so many frames, beside one that faults.
//
//	threads COUNT FRAMES
package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

static volatile int sink;
static volatile int waiting;

static __attribute__((noinline)) int wait_below(int left) {
	if (left <= 1) {
		__sync_fetch_and_add(&waiting, 1);
		for (;;) pause();
	}
	int below = wait_below(left - 1);
	sink += below;
	return below + left;
}

static void *begin(void *frames) {
	wait_below((int)(intptr_t)frames);
	return 0;
}

static int run_threads(int count, int frames) {
	pthread_t thread;
	for (int i = 0; i < count; i++) pthread_create(&thread, 0, begin, (void *)(intptr_t)frames);
	while (waiting < count) usleep(1000);
	return *(volatile int *)8;
}
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	frames, _ := strconv.Atoi(os.Args[2])
	fmt.Println(C.run_threads(C.int(count), C.int(frames)))
}
