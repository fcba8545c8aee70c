#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <stdint.h>
#include <math.h>
enum color {RED, GREEN=5, BLUE=-1};
enum flags {F_A=1, F_B=2, F_C=8};
struct point {int x, y;};
struct node {int value; struct node *next; char name[16]; struct point p; unsigned b1:3; int b2:5; enum color c; double d; float f;};
union u {int i; float f; char c[4];};
typedef int (*op)(int, int);
static int add(int a, int b){return a+b;}
static __thread int tls_counter = 7;
struct nested {struct {int a; struct point q;} in; union {long l; short s;}; int arr[3][2];};
__attribute__((noinline)) int crash(struct node *p, int depth, const char *msg, op fn, double dd, long long big, unsigned char uc, enum flags fl, _Bool yes) {
  static int counter = 42;
  static __thread int tls_local = 9;
  int local = depth * 3;
  char buf[32]; snprintf(buf, sizeof buf, "depth %d", depth);
  struct point pt = {local, -1};
  union u uu; uu.f = 1.5f;
  int arr[100]; for (int i=0;i<100;i++) arr[i]=i*i;
  struct nested ns = {{1,{2,3}},{.l=77},{{1,2},{3,4},{5,6}}};
  long double ld = 3.25L; __int128 i128 = -5; float _Complex fc = 1.5f + 2.0if;
  counter++; tls_local++; tls_counter++;
  volatile int *bad = (int*)0x3e8;
  { int inner = local + 1; pt.y = inner; }
  printf("%s %s %d %d %d %d %f %Lf %d\n", msg, buf, pt.x, uu.i, fn(arr[3], counter), tls_local+tls_counter, dd, ld, (int)i128);
  return p->next->value + *bad + ns.in.a;
}
static inline __attribute__((always_inline)) int inl(struct node *n, int k) { int twice = k*2; struct node *copy = n; return crash(copy, twice, "hello from inl", add, 2.5, 1LL<<40, 200, F_A|F_C, 1) + twice; }
__attribute__((noinline)) int level2(int n, char **argv) {
  struct node *n1 = calloc(1, sizeof *n1); n1->value=n; strcpy(n1->name,"first"); n1->p.x=3; n1->b1=5; n1->b2=-3; n1->c=GREEN; n1->d=2.75; n1->f=0.1f;
  n1->next = NULL; 
  struct node stackn = *n1; 
  int r = inl(&stackn, n);
  return r + stackn.value + argv[0][0];
}
int main(int argc, char **argv) { int x = argc + 10; return level2(x, argv); }
