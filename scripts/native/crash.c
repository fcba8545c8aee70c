/* Faults, aborts and threads that wait. */
#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Where the CFA is told from rsp, a push has to say so. */
#if defined(__OPTIMIZE__) && !defined(KEEPS_FRAME_POINTER)
#define ADJUST(bytes) ".cfi_adjust_cfa_offset " #bytes "\n\t"
#else
#define ADJUST(bytes) ""
#endif
typedef void (*action)(void);
volatile int sink;
static pthread_barrier_t ready;

static inline __attribute__((always_inline)) void store(volatile int *at) { *at = 42; }
__attribute__((noinline)) void null_store(void) { store((volatile int *)8); sink++; }
__attribute__((noinline)) void null_call(void) { ((action)0)(); sink++; }
__attribute__((noinline)) void wild_call(void) { ((action)0x123456789000)(); sink++; }
__attribute__((noinline)) void odd_call(void) { ((action)0x4141414141414141)(); sink++; }
__attribute__((noinline)) void data_call(void) { ((action)(void *)&sink)(); sink++; }
__attribute__((noinline)) void wild_store(void) { store((volatile int *)0x4141414141414141); sink++; }
__attribute__((noinline)) void readonly_store(void) { store((volatile int *)(size_t)"constant"); sink++; }
__attribute__((noinline)) void give_up(void) { abort(); }
__attribute__((noinline, noreturn)) void never_back(int code) { if (code) give_up(); _exit(code); }
__attribute__((noinline)) void ends_in_noreturn(void) { never_back(3); }
__attribute__((noinline)) void asserts(void) { assert(sink == 12345); }
__attribute__((noinline)) void smash(void) { char small[8]; memset(small, 'A', 64 + sink); sink += small[3]; }
__attribute__((noinline)) void divide(void) { sink = 5 / sink; }
__attribute__((noinline)) void trap(void) { __builtin_trap(); }
__attribute__((noinline)) int overflow(int depth) { volatile char room[4096]; room[0] = depth; return overflow(depth + 1) + room[0]; }
__attribute__((noinline)) void overflows(void) { sink = overflow(0); }
__attribute__((noinline)) void tail_target(void) { null_store(); sink--; }
__attribute__((noinline)) void tail_caller(void) { sink++; tail_target(); }
__attribute__((noinline)) void with_alloca(void) { char *room = __builtin_alloca(sink + 100); memset(room, 1, 50); sink += room[5]; null_store(); sink += room[7]; }
__attribute__((noinline)) void reads_clock(void) { struct timespec t; for (;;) { clock_gettime(CLOCK_MONOTONIC, &t); sink += t.tv_nsec; } }
__attribute__((noinline)) void past_file(void) {
  FILE *file = tmpfile();
  volatile char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  page[10] = 1;
}
__attribute__((noinline)) void pushes_by_hand(void) {
  __asm__ volatile("push %%rbx\n\t" ADJUST(8) "push %%r12\n\t" ADJUST(8) "movl $1,8\n\t"
                   "pop %%r12\n\t" ADJUST(-8) "pop %%rbx\n\t" ADJUST(-8) ::: "memory");
  tail_target();
}
__asm__(".text\n.type bare_asm,@function\nbare_asm:\n\tsub $24,%rsp\n\tmov $0,%eax\n\tmovl $1,(%rax)\n\tadd $24,%rsp\n\tret\n.size bare_asm,.-bare_asm\n");
void bare_asm(void);
__attribute__((noinline)) void calls_bare_asm(void) { bare_asm(); sink++; }
/* An assembly function with a frame pointer but without unwind tables. */
__asm__(".text\n.type framed_asm,@function\nframed_asm:\n\tpush %rbp\n\tmov %rsp,%rbp\n\tsub $32,%rsp\n\tcall null_store\n\tleave\n\tret\n.size framed_asm,.-framed_asm\n");
void framed_asm(void);
__attribute__((noinline)) void calls_framed_asm(void) { framed_asm(); sink++; }

__attribute__((noinline)) void handler_dies(int number) { sink = number; null_call(); }
__attribute__((noinline)) void handler_aborts(int number, siginfo_t *info, void *context) { sink = number; give_up(); }
__attribute__((noinline)) void in_handler(void) {
  struct sigaction act = {.sa_handler = handler_dies};
  sigaction(SIGUSR1, &act, 0);
  raise(SIGUSR1);
  sink++;
}
static void use_altstack(void) {
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, 0);
  struct sigaction act = {.sa_sigaction = handler_aborts, .sa_flags = SA_ONSTACK | SA_SIGINFO};
  sigaction(SIGSEGV, &act, 0);
}
__attribute__((noinline)) void on_altstack(void) { use_altstack(); null_store(); sink++; }
__attribute__((noinline)) void overflow_on_altstack(void) { use_altstack(); overflows(); sink++; }
__attribute__((noinline)) void null_call_on_altstack(void) { use_altstack(); null_call(); sink++; }
static int compare(const void *a, const void *b) { null_store(); return *(const int *)a - *(const int *)b; }
__attribute__((noinline)) void below_qsort(void) { int numbers[] = {3, 1, 2}; qsort(numbers, 3, sizeof *numbers, compare); sink++; }

static void *sleeps(void *unused) { pthread_barrier_wait(&ready); for (;;) pause(); return unused; }
static void *spins(void *unused) { pthread_barrier_wait(&ready); for (;;) sink++; return unused; }
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static void *locks(void *unused) { pthread_barrier_wait(&ready); pthread_mutex_lock(&held); return unused; }
static void *waits(void *unused) { static pthread_cond_t never = PTHREAD_COND_INITIALIZER; static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER; pthread_barrier_wait(&ready); pthread_mutex_lock(&own); pthread_cond_wait(&never, &own); return unused; }
static void *clocks(void *unused) { pthread_barrier_wait(&ready); reads_clock(); return unused; }
static void *dies(void *unused) { pthread_barrier_wait(&ready); usleep(50000); null_store(); return unused; }
static void *overflows_there(void *unused) { pthread_barrier_wait(&ready); usleep(50000); overflows(); return unused; }
__attribute__((noinline)) void threads(void *(*last)(void *)) {
  void *(*bodies[])(void *) = {sleeps, spins, locks, waits, clocks, last};
  pthread_t thread;
  pthread_mutex_lock(&held);
  pthread_barrier_init(&ready, 0, 7);
  for (int i = 0; i < 6; i++) pthread_create(&thread, 0, bodies[i], 0);
  pthread_barrier_wait(&ready);
  pthread_join(thread, 0);
}
void in_thread(void) { threads(dies); sink++; }
void overflow_in_thread(void) { threads(overflows_there); sink++; }

static const struct { const char *name; action run; } actions[] = {
#define ACTION(name) {#name, name}
  ACTION(null_store), ACTION(null_call), ACTION(wild_call), ACTION(odd_call), ACTION(data_call), ACTION(wild_store),
  ACTION(readonly_store), ACTION(give_up), ACTION(ends_in_noreturn), ACTION(asserts), ACTION(smash), ACTION(divide),
  ACTION(trap), ACTION(overflows), ACTION(tail_caller), ACTION(with_alloca), ACTION(past_file), ACTION(pushes_by_hand),
  ACTION(calls_bare_asm), ACTION(calls_framed_asm), ACTION(in_handler), ACTION(on_altstack), ACTION(overflow_on_altstack),
  ACTION(null_call_on_altstack), ACTION(below_qsort), ACTION(in_thread), ACTION(overflow_in_thread),
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    if (argc < 2) puts(actions[i].name);
    else if (!strcmp(argv[1], actions[i].name)) actions[i].run();
  }
  return 0;
}
