/* Signals, other stacks and code without a file: each action ends the process with a core. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

typedef void (*action)(void);
#define KEEP __attribute__((noinline))
volatile int sink;
KEEP void null_store(void) { *(volatile int *)8 = 42; sink++; }
KEEP void give_up(void) { abort(); }

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction act = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
  sigaction(number, &act, 0);
}
static void use_altstack(void) {
  stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
  sigaltstack(&stack, 0);
}
static void aborts(int number, siginfo_t *info, void *context) { sink = number; give_up(); }
static void faults(int number, siginfo_t *info, void *context) { sink = number; null_store(); }
static void raises(int number, siginfo_t *info, void *context) { raise(SIGUSR2); sink = number; }
KEEP void nested(void) {
  use_altstack();
  install(SIGUSR1, faults, SA_ONSTACK);
  install(SIGSEGV, aborts, SA_ONSTACK);
  raise(SIGUSR1);
  sink++;
}
KEEP void three_deep(void) {
  use_altstack();
  install(SIGUSR1, raises, SA_ONSTACK);
  install(SIGUSR2, faults, 0);
  install(SIGSEGV, aborts, 0);
  raise(SIGUSR1);
  sink++;
}
KEEP void fault_in_handler(void) { install(SIGSEGV, faults, 0); null_store(); sink++; }
static void returns(int number, siginfo_t *info, void *context) { sink++; }
KEEP void reset_handler(void) { install(SIGSEGV, returns, SA_RESETHAND); null_store(); sink++; }

/* The kernel's own call, with a restorer that is not the C library's. */
struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
void own_restorer(void), short_restorer(void);
__asm__(".text\n.type own_restorer,@function\nown_restorer:\n\tmov $15,%rax\n\tsyscall\n.size own_restorer,.-own_restorer\n");
__asm__(".text\n.type short_restorer,@function\nshort_restorer:\n\tmov $15,%eax\n\tsyscall\n.size short_restorer,.-short_restorer\n");
static void with_restorer(void (*restorer)(void)) {
  struct kernel_action act = {(void *)aborts, 0x04000000 | SA_SIGINFO, (void *)restorer, 0};
  syscall(SYS_rt_sigaction, SIGSEGV, &act, 0, 8);
  null_store();
}
KEEP void restorer(void) { with_restorer(own_restorer); sink++; }
KEEP void restorer_eax(void) { with_restorer(short_restorer); sink++; }
KEEP void no_restorer(void) {
  struct kernel_action act = {(void *)aborts, SA_SIGINFO, 0, 0};
  syscall(SYS_rt_sigaction, SIGSEGV, &act, 0, 8);
  null_store();
  sink++;
}

static sigjmp_buf place;
static void jumps(int number, siginfo_t *info, void *context) { siglongjmp(place, 1); }
KEEP void jumped(void) { install(SIGSEGV, jumps, 0); if (!sigsetjmp(place, 1)) null_store(); give_up(); }

/* The processor's trap flag: a SIGTRAP after each instruction, the last of which dies. */
static volatile long steps;
static void counts(int number, siginfo_t *info, void *context) {
  if (--steps > 0) return;
  give_up();
}
static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
KEEP void walk_through(void) {
  char text[64];
  int numbers[] = {3, 1, 2, 9, 7, 5};
  struct timespec now;
  snprintf(text, sizeof text, "%s %f", "text", sink * 1.5);
  qsort(numbers, 6, sizeof *numbers, order);
  clock_gettime(CLOCK_MONOTONIC, &now);
  free(realloc(malloc(100), 10000));
  sink += strlen(text) + (strstr(text, "xt") != 0);
  memset(text, 1, sizeof text);
  sink += atoi("12") + strtod("3.5", 0);
}
static void step(long count) {
  install(SIGTRAP, counts, 0);
  steps = count;
  __asm__ volatile("pushf\n\torl $0x100,(%%rsp)\n\tpopf" ::: "memory", "cc");
  for (;;) walk_through();
}
#define STEP(n) KEEP void step_##n(void) { step(n); sink++; }
STEP(12) STEP(25) STEP(31) STEP(44) STEP(57) STEP(101) STEP(203) STEP(307) STEP(401) STEP(503) STEP(701) STEP(1009) STEP(1511)
STEP(2003) STEP(2501) STEP(3001) STEP(3511) STEP(4001) STEP(4507) STEP(5003) STEP(6007) STEP(7001) STEP(8009) STEP(9001)

static void in_vdso(int number, siginfo_t *info, void *context) {
  uintptr_t pc = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], vdso = getauxval(AT_SYSINFO_EHDR);
  if (pc - vdso < 0x2000) give_up();
}
KEEP void vdso(void) {
  struct itimerval often = {{0, 997}, {0, 997}};
  struct timespec now;
  install(SIGPROF, in_vdso, SA_RESTART);
  setitimer(ITIMER_PROF, &often, 0);
  for (;;) clock_gettime(CLOCK_MONOTONIC, &now);
}

#ifdef __GLIBC__
static ucontext_t outside, inside, deeper;
static void second(void) { null_store(); sink++; }
static void first(int a, int b) { swapcontext(&inside, &deeper); sink += a + b; }
static void context(ucontext_t *made, void (*body)(void), ucontext_t *link) {
  getcontext(made);
  made->uc_stack.ss_sp = malloc(65536);
  made->uc_stack.ss_size = 65536;
  made->uc_link = link;
  makecontext(made, body, 2, 1, 2);
}
KEEP void contexts(void) {
  context(&inside, (action)first, &outside);
  context(&deeper, second, 0);
  swapcontext(&outside, &inside);
  sink++;
}
#else
/* musl has no makecontext. */
KEEP void contexts(void) { give_up(); }
#endif
/* A coroutine as libraries make them: a fresh stack, nothing said about its root. */
void enter_coroutine(void *stack, action body);
__asm__(".text\n.type enter_coroutine,@function\nenter_coroutine:\n\tpush %rbp\n\tmov %rdi,%rsp\n\txor %ebp,%ebp\n\tjmp *%rsi\n.size enter_coroutine,.-enter_coroutine\n");
KEEP void coroutine_body(void) { null_store(); sink++; for (;;) pause(); }
KEEP void coroutine(void) {
  char *stack = (char *)malloc(65536) + 65536 - 64;
  memset(stack, 0, 64);
  enter_coroutine(stack + 8, coroutine_body);
}
KEEP void coroutine_garbage(void) {
  char *stack = (char *)malloc(65536) + 65536 - 64;
  memset(stack, 0x41, 64);
  enter_coroutine(stack + 8, coroutine_body);
}

/* Return addresses that are none. */
static void *fake;
KEEP void returns_to(void) { ((void **)__builtin_frame_address(0))[1] = fake; __asm__ volatile("" ::: "memory"); null_store(); sink++; }
KEEP void to_letters(void) { fake = (void *)0x4141414141414141; returns_to(); sink++; }
KEEP void to_nowhere(void) { fake = (void *)0x123456789000; returns_to(); sink++; }
KEEP void to_data(void) { fake = (void *)&sink; returns_to(); sink++; }
KEEP void to_stack(void) { fake = &fake; returns_to(); sink++; }
KEEP void to_null(void) { fake = 0; returns_to(); sink++; }
/* ret to there. */
KEEP void ret_to_letters(void) { __asm__ volatile("movabs $0x4141414141414141,%%rax\n\tpush %%rax\n\tret" ::: "rax", "memory"); sink++; }
KEEP void ret_to_null(void) { __asm__ volatile("push $0\n\tret" ::: "memory"); sink++; }

static unsigned char *code_page(const unsigned char *code, size_t size) {
  unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code, size);
  return page;
}
/* Generated code, with a frame pointer and without, that faults or calls back. */
KEEP void jit_fault(void) { static const unsigned char c[] = {0xc7, 0x04, 0x25, 8, 0, 0, 0, 42, 0, 0, 0, 0xc3}; ((action)code_page(c, sizeof c))(); sink++; }
KEEP void jit_framed(void) {
  static const unsigned char c[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc9, 0xc3};
  ((void (*)(action))code_page(c, sizeof c))(null_store);
  sink++;
}
KEEP void jit_bare(void) {
  static const unsigned char c[] = {0x53, 0x48, 0x83, 0xec, 0x40, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x40, 0x5b, 0xc3};
  ((void (*)(action))code_page(c, sizeof c))(null_store);
  sink++;
}
KEEP void heap_call(void) { ((action)malloc(100))(); sink++; }
KEEP void stack_call(void) { char room[16] = {0}; ((action)(void *)room)(); sink++; }
KEEP void middle_call(void) { ((action)((char *)null_store + 1))(); sink++; }
KEEP void null_jump(void) { __asm__ volatile("xor %%eax,%%eax\n\tjmp *%%rax" ::: "rax"); }
KEEP void past_code(void) { ((action)(((uintptr_t)null_store + 0x100000) & ~0xffful))(); sink++; }

/* Realigned stacks: the CFA is an expression, through r10 or rbp. */
KEEP void aligned(int n) { __attribute__((aligned(64))) volatile char room[128]; room[n] = 1; null_store(); sink += room[n + 1]; }
KEEP void aligned_vla(int n) { __attribute__((aligned(128))) volatile char room[128]; volatile char *more = __builtin_alloca(n + 32); room[n] = more[0] = 1; null_store(); sink += room[3] + more[1]; }
KEEP void realigned(void) { aligned(sink + 3); sink++; }
KEEP void realigned_vla(void) { aligned_vla(sink + 3); sink++; }
KEEP __attribute__((cold, noreturn)) void gives_up_cold(void) { give_up(); __builtin_unreachable(); }
KEEP void cold_part(void) { if (__builtin_expect(sink == 0, 0)) { sink = 3; gives_up_cold(); } sink++; }

static void dies_late(void) { null_store(); sink++; }
KEEP void at_exit(void) { atexit(dies_late); exit(0); }
static void *returns_null(void *unused) { return unused; }
static pthread_key_t key;
static void destroys(void *value) { null_store(); sink++; }
static void *sets_key(void *unused) { pthread_setspecific(key, &sink); return unused; }
static void joined(void *(*body)(void *)) { pthread_t thread; pthread_create(&thread, 0, body, 0); pthread_join(thread, 0); }
KEEP void key_destructor(void) { pthread_key_create(&key, destroys); joined(sets_key); sink++; }
static void *exits(void *unused) { pthread_cleanup_push(destroys, 0); pthread_exit(0); pthread_cleanup_pop(0); return unused; }
KEEP void cleanup(void) { joined(exits); sink++; }
static void *late(void *unused) { usleep(50000); null_store(); return unused; }
KEEP void main_left(void) { pthread_t thread; pthread_create(&thread, 0, late, 0); pthread_exit(0); }
static pthread_once_t once = PTHREAD_ONCE_INIT;
KEEP void in_once(void) { pthread_once(&once, dies_late); sink++; }

KEEP void forked(void) { pid_t child = fork(); if (child == 0) null_store(); waitpid(child, 0, 0); _exit(0); }
KEEP void vforked(void) { if (vfork() == 0) null_store(); _exit(0); }
static int cloned_body(void *unused) { prctl(PR_SET_DUMPABLE, 1); null_store(); return 0; }
KEEP void cloned(void) { clone(cloned_body, (char *)malloc(65536) + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0); for (;;) pause(); }

static void *makes_threads(void *unused) { pthread_t thread; for (;;) { pthread_attr_t attr; pthread_attr_init(&attr); pthread_attr_setdetachstate(&attr, 1); pthread_create(&thread, &attr, returns_null, 0); } }
KEEP void newborn(void) { pthread_t thread; for (int i = 0; i < 6; i++) pthread_create(&thread, 0, makes_threads, 0); usleep(30000); give_up(); }
static void *naps(void *number) { struct timespec t = {1000, 0}; switch ((long)number % 5) { case 0: nanosleep(&t, 0); break; case 1: pause(); break; case 2: { int fds[2]; char c; if (!pipe(fds)) sink += read(fds[0], &c, 1); break; } case 3: for (;;) sched_yield(); default: select(0, 0, 0, 0, 0); } return 0; }
KEEP void many_threads(void) { pthread_t thread; for (long i = 0; i < 300; i++) pthread_create(&thread, 0, naps, (void *)(i % 37 == 3 ? 3 : i % 5 == 3 ? 4 : i)); usleep(200000); null_store(); sink++; }

static const struct { const char *name; action run; } actions[] = {
#define A(name) {#name, name}
  A(nested), A(three_deep), A(fault_in_handler), A(reset_handler), A(restorer), A(restorer_eax), A(no_restorer), A(jumped),
  A(step_12), A(step_25), A(step_31), A(step_44), A(step_57), A(step_101), A(step_203), A(step_307), A(step_401), A(step_503), A(step_701), A(step_1009),
  A(step_1511), A(step_2003), A(step_2501), A(step_3001), A(step_3511), A(step_4001), A(step_4507), A(step_5003), A(step_6007), A(step_7001), A(step_8009),
  A(step_9001), A(vdso), A(contexts), A(coroutine), A(coroutine_garbage), A(to_letters), A(to_nowhere), A(to_data), A(to_stack), A(to_null),
  A(ret_to_letters), A(ret_to_null), A(jit_fault), A(jit_framed), A(jit_bare), A(heap_call), A(stack_call), A(middle_call), A(null_jump), A(past_code),
  A(realigned), A(realigned_vla), A(cold_part), A(at_exit), A(key_destructor), A(cleanup), A(main_left), A(in_once), A(forked), A(vforked), A(cloned),
  A(newborn), A(many_threads),
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    if (argc < 2) puts(actions[i].name);
    else if (!strcmp(argv[1], actions[i].name)) actions[i].run();
  }
  return 0;
}
