package main

/*
#include <stdlib.h>
typedef struct { int kind; union { int i; double d; } u; char name[8]; } cell;
static void die(cell *c) { volatile int *p = (volatile int *)(long)c->kind; *p = 1; }
*/
import "C"

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type Weekday uint8
type Pt struct{ X, Y int32 }
type Named []string
type Tree struct {
	L, R *Tree
	V    int
}
type Iface interface{ Do(int) string }
type impl struct{ n int }

func (i impl) Do(x int) string   { return strconv.Itoa(i.n + x) }
func (i *impl) Ptr(x int) string { return strconv.Itoa(i.n + x) }

type Emb struct {
	Pt
	*Tree
	Iface
	note string
}
type codeErr struct {
	Code int
	Err  error
}

func (c codeErr) Error() string { return "code " + strconv.Itoa(c.Code) + ": " + c.Err.Error() }
func (c codeErr) Unwrap() error { return c.Err }

type msgErr struct{ msg string }

func (m *msgErr) Error() string { return m.msg }

type strErr string

func (s strErr) Error() string { return string(s) }

type ctxKey struct{}
type Pair[K comparable, V any] struct {
	Key K
	Val V
}
type List[T any] struct {
	head *node[T]
	n    int
}
type node[T any] struct {
	v    T
	next *node[T]
}

func (l *List[T]) Add(v T) *List[T] { l.head = &node[T]{v, l.head}; l.n++; return l }

var sink []any

//go:noinline
func use(xs ...any) {
	for _, x := range xs {
		sink = append(sink, x)
	}
	if len(sink) > 1000 {
		sink = nil
	}
}

//go:noinline
func die(k int) int {
	c := (*C.cell)(C.calloc(1, 32))
	c.kind = C.int(k)
	c.name[0] = 'h'
	C.die(c)
	return int(c.kind)
}

//go:noinline
func closures(base int, label string) (res int, err error) {
	count := base * 3
	byRef := base
	const fixed = 12
	pt := Pt{int32(base), -2}
	inner := func(x int) (out string) {
		byRef += x
		tmp := count + x
		deeper := func(y int) int {
			byRef++
			z := tmp + y + len(label)
			r := generic(Pair[string, int]{label, z}, []int{y, z})
			use(z, pt)
			return r + int(pt.X)
		}
		v := deeper(x + 1)
		return label + strconv.Itoa(v+tmp)
	}
	s := inner(5)
	res = len(s) + byRef
	err = codeErr{res, io.EOF}
	use(s, count)
	return
}

//go:noinline
func generic[K comparable, V any](p Pair[K, V], vs []V) int {
	var zero V
	l := (&List[V]{}).Add(p.Val)
	for _, v := range vs {
		l.Add(v)
	}
	m := map[K]V{p.Key: p.Val}
	n := generic2[V, *K](l, &p.Key, m)
	use(zero, l, m, p)
	return n
}

//go:noinline
func generic2[T any, P any](l *List[T], p P, m any) int {
	h := l.head
	arr := [2]T{h.v, h.next.v}
	fn := impl{40}.Do
	pm := (&impl{50}).Ptr
	n := maps(7)
	use(h, arr, fn, pm, p, m)
	return n
}

//go:noinline
func maps(n int) int {
	small := map[string]int{"a": 1, "b": 2, "c": n}
	empty := map[Weekday]bool{}
	var nilm map[int]int
	big := map[int]string{}
	for i := 0; i < 53+n; i++ {
		big[i] = "v" + strconv.Itoa(i)
	}
	for i := 0; i < 10; i++ {
		delete(big, i)
	}
	growing := map[uint32]Pt{}
	for i := 0; i < 27; i++ {
		growing[uint32(i)] = Pt{int32(i), int32(i * i)}
	}
	structKey := map[Pt][]string{{1, 2}: {"x"}, {3, 4}: nil}
	ifaceKey := map[any]any{1: "one", "two": 2.5, Pt{5, 6}: Weekday(3)}
	set := map[string]struct{}{"k1": {}, "k2": {}}
	bigval := map[int][200]byte{3: {1, 2, 3}}
	ptrs := map[*Tree]*Tree{}
	t := &Tree{nil, nil, 4}
	ptrs[t] = t
	f64 := map[float64]complex64{1.5: 2 + 3i}
	r := chans(n)
	use(small, empty, nilm, big, growing, structKey, ifaceKey, set, bigval, ptrs, f64)
	return r
}

//go:noinline
func chans(n int) int {
	buf := make(chan Pt, 3)
	buf <- Pt{1, 1}
	buf <- Pt{2, 2}
	<-buf
	buf <- Pt{3, 3}
	unb := make(chan string)
	for i := 0; i < 3; i++ {
		go func(i int) { unb <- fmt.Sprint("s", i) }(i)
	}
	recv := make(chan *Tree)
	for i := 0; i < 2; i++ {
		go func() { use(<-recv) }()
	}
	closed := make(chan int, 2)
	closed <- 9
	close(closed)
	var nilc chan int
	sem := make(chan struct{}, 10)
	sem <- struct{}{}
	full := make(chan int, 1)
	full <- 1
	go func() {
		select {
		case full <- 2:
		case x := <-recv:
			use(x)
		}
	}()
	var ro <-chan Pt = buf
	var so chan<- string = unb
	time.Sleep(50 * time.Millisecond)
	r := ctxs(n)
	use(buf, unb, recv, closed, nilc, sem, full, ro, so)
	return r
}

//go:noinline
func ctxs(n int) int {
	bg := context.Background()
	todo := context.TODO()
	wv := context.WithValue(bg, ctxKey{}, "val")
	wv2 := context.WithValue(wv, "user", &Pt{8, 9})
	dl, c1 := context.WithDeadline(wv2, time.Date(2099, 1, 2, 3, 4, 5, 6, time.UTC))
	cc, c2 := context.WithCancel(dl)
	c2()
	cause, c3 := context.WithCancelCause(dl)
	c3(errors.New("my cause"))
	wo := context.WithoutCancel(cc)
	exp, c4 := context.WithTimeout(bg, time.Nanosecond)
	time.Sleep(time.Millisecond)
	<-exp.Done()
	r := errs(n)
	c1()
	c4()
	use(bg, todo, wv, wv2, dl, cc, cause, wo, exp)
	return r
}

//go:noinline
func errs(n int) int {
	e0 := errors.New("base")
	e1 := fmt.Errorf("ctx %d: %w", n, e0)
	e2 := codeErr{5, e1}
	var e3 error = e2
	e4 := errors.Join(e1, io.EOF)
	_, e5 := os.Open("/nonexistent/file")
	_, e6 := strconv.Atoi("12x")
	var e7 error = &msgErr{"just a message"}
	var e8 error = strErr("string error")
	e9 := fmt.Errorf("two: %w and %w", e0, e5)
	_, e10 := url.Parse("http://[::1")
	var js map[string]int
	e11 := json.Unmarshal([]byte("{bad"), &js)
	_, e12 := net.Dial("tcp", "127.0.0.1:1")
	e13 := &fs.PathError{Op: "op", Path: "p", Err: fs.ErrNotExist}
	var e14 *msgErr
	var e15 error = e14
	_, e16 := net.ParseMAC("zz")
	var e17 error
	func() {
		defer func() { e17, _ = recover().(error) }()
		var a []int
		use(a[n])
	}()
	_, e18 := time.Parse("2006", "x")
	e19 := context.DeadlineExceeded
	r := basics(n)
	use(e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19)
	return r
}

//go:noinline
func basics(n int) int {
	i8, u8, i16, u64 := int8(-n), uint8(250), int16(-300), uint64(1)<<63+uint64(n)
	f32, f64 := float32(n)/3, float64(n)*1e100
	c := complex(float64(n), -1)
	b := n > 3
	r := 'é'
	s := "str\x00\xff é" + strconv.Itoa(n)
	long := strings.Repeat("abc", 100)
	bs := []byte(s)
	arr := [4]Pt{{1, 2}, {3, 4}}
	sl := make([]Weekday, 3, 10)
	var nilSl []int
	nested := [][]string{{"a"}, nil, {"b", "c"}}
	emb := Emb{Pt{1, 2}, &Tree{V: 9}, impl{3}, "note"}
	tree := &Tree{&Tree{nil, nil, 1}, &Tree{nil, &Tree{nil, nil, 3}, 2}, 0}
	tree.R.R.L = tree
	pp := &tree
	named := Named{"n1"}
	anon := struct {
		A int
		B []string
	}{n, []string{"z"}}
	var ifc any = anon
	var ifn Iface = &impl{n}
	var ifv Iface = impl{n + 1}
	fnv := use
	d := time.Duration(n)*time.Hour + 1500*time.Millisecond
	tm := time.Date(2020, 2, 29, 12, 0, 0, 5000, time.FixedZone("X", 3600))
	var zeroT time.Time
	now := time.Now()
	mu := &sync.Mutex{}
	mu.Lock()
	rw := &sync.RWMutex{}
	rw.RLock()
	var wg sync.WaitGroup
	wg.Add(2)
	var once sync.Once
	once.Do(func() {})
	var at atomic.Int64
	at.Store(77)
	var ap atomic.Pointer[Pt]
	ap.Store(&Pt{6, 6})
	var av atomic.Value
	av.Store("av")
	var sm sync.Map
	sm.Store("k", 1)
	buf := bytes.NewBufferString("buffer")
	sb := &strings.Builder{}
	sb.WriteString("built")
	rd := bufio.NewReader(strings.NewReader("x"))
	ip := net.IPv4(10, 0, 0, 1)
	u, _ := url.Parse("https://u@h:80/p?q=1")
	raw := json.RawMessage("{}")
	var up = uintptr(0xdeadbeef)
	var w io.Writer = os.Stdout
	esc := n * 11
	escp := &esc
	go func() { time.Sleep(time.Hour); *escp = 1 }()
	runtime.Gosched()
	x := die(n)
	use(i8, u8, i16, u64, f32, f64, c, b, r, s, long, bs, arr, sl, nilSl, nested, emb, tree, pp, named, anon, ifc, ifn, ifv, d, tm, zeroT, now, mu, rw, &wg, &once, &at, &ap, &av, &sm, buf, sb, rd, ip, u, raw, up, w, esc, escp)
	fnv(x)
	return x
}

func main() {
	r, err := closures(len(os.Args), "lbl")
	fmt.Println(r, err)
}
