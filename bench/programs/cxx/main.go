// Threads of C++, each waiting below so many frames with calls that were inlined, beside one that faults.
//
//	cxx COUNT FRAMES
package main

// int run_threads(int count, int frames);
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
