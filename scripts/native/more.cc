// How C++ ends: exceptions, destructors, coroutines, objects that are gone.
#include <algorithm>
#include <cstdio>
#include <coroutine>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>
volatile int sink;
#define KEEP __attribute__((noinline))
KEEP static void fault() { *(volatile int *)8 = 1; sink = sink + 1; }
KEEP static void throws(int n) { if (n >= 0) throw std::logic_error("no"); sink = n; }
static void rethrown() { try { throws(1); } catch (const std::exception &) { sink = 2; throw; } }
static void wrapped() { try { throws(1); } catch (...) { std::throw_with_nested(std::runtime_error("outer")); } }
struct Guard { KEEP ~Guard() { fault(); } };
static void in_destructor() { try { Guard guard; throws(1); } catch (...) { sink = 1; } }
struct Thrower { KEEP ~Thrower() { throws(1); } };
static void destructor_throws() { try { Thrower thrower; sink = 1; } catch (...) { sink = 2; } }
static void handler_faults() { try { throws(1); } catch (const std::exception &e) { sink = e.what()[0]; fault(); } }
static void no_memory() { std::vector<std::string> v; v.reserve(v.max_size() / 2 + sink); }
static void terminates() { std::set_terminate([] { fault(); std::abort(); }); throws(1); }
static void unexpected() noexcept { std::function<void(int)> f = throws; f(3); }
static void from_future() { auto f = std::async(std::launch::async, [] { fault(); return 1; }); sink = f.get(); }
struct Shape { virtual void draw(int) { sink = 1; } virtual ~Shape() {} int side = 3; };
KEEP static void draw(Shape *shape) { shape->draw(2); sink = sink + 1; }
static void null_object() { draw(nullptr); }
static void freed_object() { Shape *shape = new Shape; *(void **)shape = (void *)0x4141414141414141; draw(shape); }
static void wild_method() { static void *table[4] = {(void *)0x1234, (void *)0x1234}; Shape *shape = new Shape; *(void ***)shape = table; draw(shape); }
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};
KEEP static Task inner(int n) { sink = n; co_await std::suspend_always{}; fault(); co_return; }
static void coroutine() { Task task = inner(3); task.handle.resume(); task.handle.resume(); sink = 1; }
static void variant() { std::variant<int, std::string> v = 3; sink = std::get<std::string>(v).size(); }
static void visited() { std::variant<int, std::string> v = std::string("x"); std::visit([](auto &x) { fault(); sink = sizeof x; }, v); }
template <int N> struct Deep { KEEP static void go() { Deep<N - 1>::go(); sink = N; } };
template <> struct Deep<0> { KEEP static void go() { fault(); } };
static void templates() { Deep<20>::go(); }
static void sorted() { std::vector<std::string> v{"b", "a", "c"}; std::sort(v.begin(), v.end(), [](const auto &a, const auto &b) { fault(); return a < b; }); }
static void operator_delete() { char *p = new char[10]; delete[] (p + 16); }
static struct Early { Early() { if (getenv("EARLY")) fault(); } ~Early() { if (getenv("LATE")) fault(); } } early;
static const struct { const char *name; void (*run)(); } actions[] = {
#define A(name) {#name, name}
  A(rethrown), A(wrapped), A(in_destructor), A(destructor_throws), A(handler_faults), A(no_memory), A(terminates), A(unexpected), A(from_future),
  A(null_object), A(freed_object), A(wild_method), A(coroutine), A(variant), A(visited), A(templates), A(sorted), A(operator_delete),
};
int main(int argc, char **argv) {
  for (const auto &[name, run] : actions)
    if (argc < 2) std::puts(name); else if (!std::strcmp(argv[1], name)) run();
  return 0;
}
