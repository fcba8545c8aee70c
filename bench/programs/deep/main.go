// A fault below so many frames of C.
//
//	deep FRAMES
package main

/*
static volatile int sink;

static __attribute__((noinline)) int descend(int left, volatile int *cell) {
	if (left <= 1) return *cell;
	int below = descend(left - 1, cell);
	sink += below;
	return below + left;
}

static int deep_fault(int frames) {
	return descend(frames, (volatile int *)8);
}
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	frames, _ := strconv.Atoi(os.Args[1])
	fmt.Println(C.deep_fault(C.int(frames)))
}
