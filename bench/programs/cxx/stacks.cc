// Built with -O2 -g, as cgo does: a frame of `Node::visit` holds two calls that were inlined.
#include <pthread.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace {

volatile int waiting;
volatile int sink;

template <typename Value> class Tree {
public:
	explicit Tree(int depth) : values_(static_cast<std::size_t>(depth) + 1) {}

	__attribute__((noinline)) Value visit(int left) {
		if (left <= 1) rest();
		return combine(left, [this, left] { return visit(left - 1); });
	}

private:
	template <typename Below> inline Value combine(int left, Below below) {
		Value found = step(left, below);
		values_[static_cast<std::size_t>(left)] = found;
		return found + 1;
	}

	template <typename Below> inline Value step(int left, Below below) {
		Value found = below();
		sink = sink + static_cast<int>(found);
		return found * left;
	}

	[[noreturn]] void rest() {
		__sync_fetch_and_add(&waiting, 1);
		for (;;) pause();
	}

	std::vector<Value> values_;
};

void *begin(void *frames) {
	int depth = static_cast<int>(reinterpret_cast<std::intptr_t>(frames));
	Tree<long> tree(depth);
	tree.visit(depth);
	return nullptr;
}

} // namespace

extern "C" int run_threads(int count, int frames) {
	pthread_t thread;
	for (int i = 0; i < count; i++) {
		pthread_create(&thread, nullptr, begin, reinterpret_cast<void *>(static_cast<std::intptr_t>(frames)));
	}
	while (waiting < count) usleep(1000);
	return *reinterpret_cast<volatile int *>(8);
}
