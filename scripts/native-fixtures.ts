import {execFileSync} from 'node:child_process'
import {existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'

/** Programs whose debug information differs in producer, version and packing. What cannot be built here is left out. */

const C_SOURCE = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; int value; char name[16]; };
static inline int square(int x) { return x * x; }
static inline int mix(int a, int b) { int s = 0; for (int i = 0; i < a; i++) { s += square(b + i); } return s; }
static int __attribute__((noinline)) walk(struct node *n) {
  int sum = 0;
  while (n) { sum += mix(n->value & 7, n->value); if (n->value < 0) abort(); n = n->next; }
  return sum;
}
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int collect(int count) {
  int nested(int v) { return v + count; }
  struct node *head = NULL;
  int values[64];
  for (int i = 0; i < count && i < 64; i++) {
    struct node *n = malloc(sizeof *n);
    if (!n) { perror("malloc"); exit(1); }
    n->next = head; n->value = nested(i); values[i] = n->value; snprintf(n->name, sizeof n->name, "n%d", i); head = n;
  }
  qsort(values, count < 64 ? count : 64, sizeof values[0], compare);
  return walk(head) + values[0];
}
int main(int argc, char **argv) {
  if (argc > 5) return puts(argv[1]);
  printf("%d\\n", collect(argc + 20));
  return 0;
}
`

const CXX_SOURCE = `
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>
namespace outer { namespace inner {
template <class T> struct Box { T value; T get() const { return value; } template <class F> auto apply(F f) const { return f(value); } };
struct Base { virtual ~Base() = default; virtual int run(int) = 0; };
struct Derived final : Base { int run(int x) override { return std::accumulate(v.begin(), v.end(), x); } std::vector<int> v{1, 2, 3}; };
namespace { int hidden(int x) { return x ^ 21; } }
template <class... A> int sum(A... a) { return (0 + ... + a); }
struct Op { bool operator()(int a, int b) const { return a > b; } explicit operator bool() const { return true; } };
} }
static int throwing(int x) { if (x > 100) throw std::runtime_error("too large"); return x; }
int compute(std::vector<int> &v) {
  using namespace outer::inner;
  std::sort(v.begin(), v.end(), Op{});
  std::sort(v.begin(), v.end(), [](int a, int b) { return a < b; });
  std::map<std::string, std::unique_ptr<Base>> m;
  m["x"] = std::make_unique<Derived>();
  int s = 0;
  for (auto &[k, b] : m) s += b->run(hidden(v[0]));
  Box<std::string> box{"abc"};
  s += box.apply([&](const std::string &t) { return static_cast<int>(t.size()) + sum(s, 1, 2); });
  try { s += throwing(s); } catch (const std::exception &e) { std::cerr << e.what() << std::endl; }
  return s;
}
int main(int argc, char **) { std::vector<int> v; for (int i = 0; i < argc + 10; i++) v.push_back(i * 7 % 5); std::cout << compute(v) << std::endl; return 0; }
`

const RUST_SOURCE = `
use std::collections::HashMap;
use std::fmt::Display;
trait Shape { fn area(&self) -> f64; }
struct Square(f64);
struct Circle { r: f64 }
impl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } }
impl Shape for Circle { fn area(&self) -> f64 { 3.14 * self.r * self.r } }
fn show<T: Display>(x: T) -> String { format!("<{}>", x) }
fn total(shapes: &[Box<dyn Shape>]) -> f64 { shapes.iter().map(|s| s.area()).filter(|a| *a > 0.5).sum() }
fn main() {
    let n = std::env::args().count();
    let mut m: HashMap<String, Vec<usize>> = HashMap::new();
    for i in 0..n + 10 { m.entry(show(i % 3)).or_default().push(i); }
    let mut keys: Vec<_> = m.keys().cloned().collect();
    keys.sort();
    println!("{:?} {}", keys, total(&[Box::new(Square(2.0)), Box::new(Circle { r: 1.5 })]));
}
`

const FORTRAN_SOURCE = `
module geometry
contains
  real function area(r)
    real, intent(in) :: r
    area = 3.14 * r * r
  end function
  subroutine fill(a)
    real, intent(inout) :: a(:)
    integer :: i
    do i = 1, size(a)
      a(i) = area(real(i))
    end do
  end subroutine
end module
program main
  use geometry
  real :: a(10)
  call fill(a)
  print *, sum(a)
end program
`

/** An instance of a generic: code of which GNAT writes lines alone. */
const ADA_SOURCE = `
with Ada.Text_IO; use Ada.Text_IO;
with Ada.Containers.Vectors;
procedure Program is
   package Vec is new Ada.Containers.Vectors (Natural, Integer);
   V : Vec.Vector;
   procedure Nested (N : Integer) is
   begin
      if N > 100 then raise Constraint_Error; end if;
      V.Append (N);
   end Nested;
begin
   for I in 1 .. 10 loop Nested (I); end loop;
   Put_Line (Integer'Image (V.Element (3)));
end Program;
`

const D_SOURCE = `
import std.stdio, std.algorithm, std.range, std.array;
interface Shape { double area(); }
class Square : Shape { double s; this(double s) { this.s = s; } double area() { return s * s; } }
int[] work(int n) { return iota(n).map!(a => a * 3).filter!(a => a % 2 == 0).array; }
void main(string[] args) { Shape s = new Square(3); writeln(work(cast(int) args.length + 10), s.area()); }
`

const ASM_SOURCE = `
.globl first, second
.type first,@function
.type second,@function
first: push %rbp
 mov %rsp,%rbp
 nop
 call second
 pop %rbp
 ret
.size first,.-first
second: xor %eax,%eax
 ret
.size second,.-second
.globl main
.type main,@function
main: jmp first
.size main,.-main
`

interface Recipe {
  name: string
  commands: string[][]
}

const GCC_FLAGS = [
  ['-O0', '-g'],
  ['-O1', '-g'],
  ['-O2', '-g'],
  ['-O3', '-g', '-funroll-loops'],
  ['-Os', '-g'],
  ['-O2', '-gdwarf-2', '-gno-strict-dwarf'],
  ['-O2', '-gdwarf-3'],
  ['-O2', '-gdwarf-4'],
  ['-O2', '-gdwarf-5', '-gdwarf64'],
  ['-O2', '-gdwarf-4', '-gdwarf64'],
  ['-O2', '-g', '-gsplit-dwarf'],
  ['-O2', '-gdwarf-4', '-gsplit-dwarf'],
  ['-O2', '-g', '-fdebug-types-section'],
  ['-O2', '-gdwarf-4', '-fdebug-types-section'],
  ['-O2', '-g', '-gz=zlib'],
  ['-O2', '-g', '-ffunction-sections', '-Wl,--gc-sections'],
  ['-O2', '-g', '-no-pie'],
  ['-O2', '-g', '-flto'],
  ['-O2', '-g1'],
  ['-O2'],
]
const CLANG_FLAGS = [
  ['-O0', '-g'],
  ['-O2', '-g'],
  ['-O3', '-gdwarf-4'],
  ['-O2', '-gdwarf-5'],
  ['-O2', '-g', '-gsplit-dwarf'],
  ['-O2', '-gdwarf-4', '-gsplit-dwarf'],
  ['-O2', '-gline-tables-only'],
]

function recipes(): Recipe[] {
  const list: Recipe[] = []
  const add = (compiler: string, source: string, flags: string[]) => {
    const name = [compiler, ...flags].join('').replace(/[^A-Za-z0-9]+/g, '-')
    list.push({name, commands: [[compiler, ...flags, source, '-o', name]]})
  }
  for (const flags of GCC_FLAGS) {
    add('gcc', 'program.c', flags)
    add('g++', 'program.cc', ['-std=c++17', ...flags])
  }
  for (const flags of CLANG_FLAGS) {
    add('clang', 'flat.c', flags)
    add('clang++', 'program.cc', ['-std=c++17', ...flags])
  }
  add('gcc', 'program.s', ['-g'])
  add('gfortran', 'program.f90', ['-O1', '-g'])
  for (const flags of [
    ['-O0', '-g'],
    ['-O2', '-g'],
  ]) {
    add('gnatmake', 'program.adb', flags)
    add('gdc', 'program.d', flags)
  }
  for (const flags of [
    ['-g'],
    ['-O', '-g'],
    ['-Copt-level=3', '-g', '-Csymbol-mangling-version=v0'],
    ['-Copt-level=3', '-Cdebuginfo=1'],
  ]) {
    add('rustc', 'program.rs', flags)
  }
  const dwz = {
    name: 'dwz-a',
    commands: [
      ['g++', '-std=c++17', '-O2', '-g', 'program.cc', '-o', 'dwz-a'],
      ['g++', '-std=c++17', '-O1', '-g', 'program.cc', '-o', 'dwz-b'],
      ['dwz', '-m', 'dwz.common', '-M', 'dwz.common', 'dwz-a', 'dwz-b'],
    ],
  }
  const dwp = {
    name: 'packed',
    commands: [
      ['g++', '-std=c++17', '-O2', '-gdwarf-4', '-gsplit-dwarf', 'program.cc', '-o', 'packed'],
      ['dwp', '-e', 'packed', '-o', 'packed.dwp'],
    ],
  }
  return [...list, dwz, dwp]
}

/** Builds what the compilers of this machine can build, each in its own folder; gives the paths of the executables. */
export function buildFixtures(folder: string, wanted: (name: string) => boolean = () => true): string[] {
  const built: string[] = []
  for (const {name, commands} of recipes()) {
    if (!wanted(name)) continue
    const place = join(folder, name)
    mkdirSync(place, {recursive: true})
    const sources = {
      'program.c': C_SOURCE,
      'flat.c': flatten(C_SOURCE),
      'program.cc': CXX_SOURCE,
      'program.rs': RUST_SOURCE,
      'program.f90': FORTRAN_SOURCE,
      'program.adb': ADA_SOURCE,
      'program.d': D_SOURCE,
      'program.s': ASM_SOURCE,
    }
    for (const [file, text] of Object.entries(sources)) writeFileSync(join(place, file), text)
    try {
      for (const [command, ...args] of commands) {
        execFileSync(command as string, args, {cwd: place, stdio: ['ignore', 'ignore', 'ignore']})
      }
    } catch {
      console.log(`${name}: not built here`)
    }
    if (existsSync(join(place, name))) built.push(join(place, name))
  }
  return built
}

/** Nested functions are an extension of gcc's. */
function flatten(source: string): string {
  return source.replace(/int nested\(int v\) \{[^}]*\}/, '').replace('nested(i)', 'i + count')
}
