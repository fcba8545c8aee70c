// Values of C++ for compare-values.ts: the standard library, classes, references, templates, exceptions' neighbours.
#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace shop {
enum class Color : unsigned char { Red, Green = 7 };

struct Base {
  virtual ~Base() = default;
  virtual int kind() const { return 1; }
  int id = 11;
};

struct Other {
  double weight = 1.25;
};

class Item : public Base, private Other {
 public:
  Item(std::string name, int price) : name_(std::move(name)), price_(price) {}
  int kind() const override { return 2; }
  __attribute__((noinline)) int crash(const std::vector<int> &numbers, std::string_view view) const;

  std::string name_;
  int price_;
  Color color_ = Color::Green;
  static int count;
  unsigned flags_ : 3 = 5;
};
int Item::count = 3;

template <typename T, int N>
struct Box {
  T value;
  T many[N];
};

__attribute__((noinline)) int Item::crash(const std::vector<int> &numbers, std::string_view view) const {
  int total = 0;
  for (int number : numbers) total += number;
  volatile int *bad = reinterpret_cast<int *>(static_cast<std::uintptr_t>(total));
  std::printf("%d %zu\n", total, view.size());
  return *bad + price_;
}
}  // namespace shop

template <typename T>
__attribute__((noinline)) int hold(T &&item, int (*fn)(int)) {
  std::string small = "small";
  std::string large(100, 'x');
  std::string empty;
  std::vector<int> numbers = {100, 200, 300};
  std::vector<std::string> words = {"alpha", "beta"};
  std::vector<bool> bits = {true, false, true};
  std::vector<double> none;
  std::unique_ptr<int> owned = std::make_unique<int>(42);
  std::unique_ptr<int> nothing;
  std::shared_ptr<std::string> shared = std::make_shared<std::string>("shared text");
  std::weak_ptr<std::string> weak = shared;
  std::map<std::string, int> ages = {{"ann", 30}, {"bob", 41}};
  std::set<int> odd = {1, 3, 5};
  std::unordered_map<int, std::string> hashed = {{7, "seven"}};
  std::pair<int, std::string> couple = {5, "five"};
  std::tuple<int, double> both = {1, 2.5};
  std::optional<int> maybe = 9;
  std::optional<std::string> not_here;
  std::array<short, 3> fixed = {1, 2, 3};
  std::list<int> chain = {4, 5};
  std::deque<int> queue = {6, 7, 8};
  std::variant<int, std::string> either = std::string("variant");
  shop::Box<short, 2> box = {1, {2, 3}};
  shop::Color color = shop::Color::Red;
  int &reference = numbers[1];
  std::string &alias = small;
  auto lambda = [&reference, total = 5](int x) { return x + total + reference; };
  wchar_t wide[] = L"wide";
  char16_t utf16 = u'\u00e9';
  int result = item.crash(numbers, words[1]) + fn(lambda(3));
  std::printf("%s %s %zu %d %d %d %d %d %s %d\n", small.c_str(), large.c_str(), empty.size(), *owned, nothing ? 1 : 0,
              (int)ages.size(), (int)odd.size(), maybe.value_or(0), alias.c_str(), (int)color);
  std::printf("%d %d %d %d %d %d %d %d\n", (int)bits.size(), (int)none.size(), (int)weak.use_count(), couple.first,
              std::get<0>(both), not_here ? 1 : 0, fixed[0], box.value);
  std::printf("%d %d %d %d %d %d\n", (int)chain.size(), (int)queue.size(), (int)either.index(), (int)hashed.size(),
              (int)wide[0] + utf16, 0);
  return result;
}

static int twice(int x) { return 2 * x; }

int main(int argc, char **) {
  shop::Item item("the item", 100 + argc);
  return hold(item, twice);
}
