// A server as production has it: many goroutines that wait, a heap, and a fault in C.
//
//	crowd GOROUTINES HEAP_MEGABYTES [MAPPED_GIGABYTES]
package main

/*
#include <stdint.h>

struct record {
	int id;
	volatile int *cell;
};

static __attribute__((noinline)) int store(struct record *r) {
	*r->cell = r->id;
	return r->id;
}

static __attribute__((noinline)) int update(struct record *r) {
	return store(r) + 1;
}

static __attribute__((noinline)) int crowd_fault(int id) {
	struct record r = {id, (volatile int *)(uintptr_t)id};
	return update(&r) + 1;
}
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

type request struct {
	id   int
	path string
	done chan struct{}
}

type server struct {
	mu      sync.Mutex
	started sync.WaitGroup
	queue   chan *request
	heap    [][]byte
}

//go:noinline
func (s *server) wait(r *request, depth int) int {
	if depth > 0 {
		return s.wait(r, depth-1) + 1
	}
	s.started.Done()
	select {
	case <-r.done:
	case next := <-s.queue:
		return next.id
	}
	return r.id
}

func (s *server) lock(r *request) int {
	s.started.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.id
}

func (s *server) receive(r *request) int {
	s.started.Done()
	<-r.done
	return r.id
}

//go:noinline
func (s *server) handle(r *request) {
	switch r.id % 4 {
	case 0:
		s.receive(r)
	case 1:
		s.lock(r)
	default:
		s.wait(r, r.id%7)
	}
}

func (s *server) fill(megabytes int) {
	for i := 0; i < megabytes; i++ {
		block := make([]byte, 1<<20)
		for at := 0; at < len(block); at += 64 {
			block[at] = byte(at/64*7 + i)
			block[at+1] = byte(i * 31)
		}
		s.heap = append(s.heap, block)
	}
}

// mapMuch maps memory of which a page in a gigabyte is touched.
func mapMuch(gigabytes int) []byte {
	const flags = syscall.MAP_ANON | syscall.MAP_PRIVATE | syscall.MAP_NORESERVE
	memory, err := syscall.Mmap(-1, 0, gigabytes<<30, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		panic(err)
	}
	for at := 0; at < len(memory); at += 1 << 30 {
		memory[at] = 1
	}
	return memory
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	megabytes, _ := strconv.Atoi(os.Args[2])
	s := &server{queue: make(chan *request)}
	s.fill(megabytes)
	if len(os.Args) > 3 {
		gigabytes, _ := strconv.Atoi(os.Args[3])
		defer syscall.Munmap(mapMuch(gigabytes))
	}
	s.mu.Lock()
	s.started.Add(count)
	for id := 0; id < count; id++ {
		go s.handle(&request{id: id, path: fmt.Sprintf("/item/%d", id), done: make(chan struct{})})
	}
	s.started.Wait()
	fmt.Fprintln(os.Stderr, "ready")
	fmt.Println(C.crowd_fault(C.int(count%7 + 1)), len(s.heap))
}
