package main

/*
#include <stdlib.h>
struct rec { int id; const char *name; double w; };
static int boom(struct rec *r, int k) { int twice = 2*k; volatile int *p = (int*)(long)twice; if (r->id > 0) *p = r->id; return twice; }
extern int goCallback(int v, void *p);
static int viaC(int v, struct rec *r) { int inC = v + 100; return goCallback(inC, r) + inC; }
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
	"unsafe"
)

type Color int

const (
	Red Color = iota
	Green
)

type Inner struct {
	A int
	B string
}
type Base struct{ ID uint32 }
type T struct {
	Base
	Name  string
	In    Inner
	Ptr   *T
	Tags  []string
	M     map[string]int
	Any   interface{}
	Err   error
	F     func(int) int
	C     chan int
	When  time.Time
	Dur   time.Duration
	Mu    sync.Mutex
	Arr   [3]uint16
	Cplx  complex128
	Color Color
	Bytes []byte
}

type MyErr struct {
	Code int
	Msg  string
}

func (e *MyErr) Error() string { return fmt.Sprintf("code %d: %s", e.Code, e.Msg) }

type Stack[E any] struct {
	items []E
	n     int
}

//go:noinline
func (s *Stack[E]) Push(e E) int {
	s.items = append(s.items, e)
	s.n++
	return crash(s.n, &T{}, nil, nil, nil)
}

//export goCallback
func goCallback(v C.int, p unsafe.Pointer) C.int {
	local := int(v) * 2
	rec := (*C.struct_rec)(p)
	return C.int(work(local, p)) + rec.id
}

var sink interface{}

//go:noinline
func crash(n int, t *T, m map[string]int, e error, ctx context.Context) int {
	sum := n * 7
	word := "local string"
	s := []int{1, 2, 3, n}
	res := C.boom((*C.struct_rec)(nil), C.int(sum))
	if os.Getenv("NEVER") != "" {
		sink = s
	}
	fmt.Println(word, res, s, t, m, e, ctx)
	return sum + int(res)
}

//go:noinline
func work(depth int, up unsafe.Pointer) int {
	big := map[int]string{}
	for i := 0; i < 100; i++ {
		big[i] = fmt.Sprint("v", i)
	}
	small := map[string]int{"one": 1, "two": 2, "three": 3}
	ch := make(chan int, 4)
	ch <- 11
	ch <- 22
	unb := make(chan string)
	go func() { unb <- "never" }()
	e1 := errors.New("boom")
	e2 := fmt.Errorf("wrapped: %w", e1)
	e3 := &fs.PathError{Op: "open", Path: "/x", Err: e2}
	e4 := error(&MyErr{3, "custom"})
	var nilErr error
	var nilMap map[string]int
	var nilPtr *T
	when := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	now := time.Now()
	dur := 1500 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), "key", 42), time.Hour)
	defer cancel()
	captured := 5
	fn := func(x int) int { captured += x; return captured }
	t := &T{Base{7}, "name\n\x01", Inner{1, "b"}, nil, []string{"x", "y"}, small, 3.5, e3, fn, ch, when, dur, sync.Mutex{}, [3]uint16{1, 2, 3}, 1 + 2i, Green, []byte("hey")}
	t.Ptr = t
	t.Mu.Lock()
	var any1 interface{} = Inner{9, "in iface"}
	var any2 interface{} = &Inner{8, "ptr"}
	var any3 interface{} = Color(1)
	time.Sleep(20 * time.Millisecond)
	if depth > 1000 {
		var st Stack[string]
		return st.Push("q")
	}
	r := crash(depth, t, small, e3, ctx)
	fmt.Println(big, ch, unb, e2, e4, nilErr, nilMap, nilPtr, when, now, dur, any1, any2, any3, fn(1), captured, up, r)
	return r
}

func outer(k int) int {
	rec := (*C.struct_rec)(C.calloc(1, 32))
	rec.id = 77
	rec.w = 2.5
	rec.name = C.CString("c name")
	return int(C.viaC(C.int(k), rec)) + k
}

func main() {
	x := len(os.Args)
	fmt.Println(outer(x))
}
