// C++ exceptions, virtual calls and inlined templates.
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>
#include <algorithm>
volatile int sink;
namespace shop {
struct Item { virtual ~Item() = default; virtual void sell(int) = 0; };
struct Book : Item { void sell(int n) override { if (n > 1) throw std::runtime_error("sold out"); *(volatile int *)8 = n; } };
template <typename T> __attribute__((noinline)) void trade(T &item, int n) { item.sell(n); sink = sink + 1; }
}
static void uncaught() { shop::Book book; shop::trade(book, 2); }
static void method() { shop::Book book; shop::trade(book, 1); }
static void no_except() noexcept { shop::Book book; shop::trade(book, 2); }
struct Bad { ~Bad() noexcept(false) { throw 1; } };
static void twice() { try { Bad bad; throw 2; } catch (int) { } }
static void lambda() { std::vector<int> v{3, 1, 2}; std::sort(v.begin(), v.end(), [](int a, int b) { *(volatile int *)8 = a; return a < b; }); }
struct Base { Base() { late(); } void late() { call(); } virtual void call() = 0; virtual ~Base() = default; };
struct Derived : Base { void call() override { sink = 1; } };
static void pure() { Derived derived; }
static void thread_throws() { std::thread worker([] { shop::Book book; shop::trade(book, 2); }); worker.join(); }
static void bad_vector() { std::vector<int> v; sink = v.at(sink); }
static const struct { const char *name; void (*run)(); } actions[] = {
#define A(name) {#name, name}
  A(uncaught), A(method), A(no_except), A(twice), A(lambda), A(pure), A(thread_throws), A(bad_vector),
};
int main(int argc, char **argv) {
  for (const auto &[name, run] : actions)
    if (argc < 2) std::puts(name); else if (!std::strcmp(argv[1], name)) run();
  return 0;
}
