// Nothing but the clock: the circuit (class Vtop, made by Verilator) with beats packed beforehand and no checks.

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "Vtop.h"
#include "verilated.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using InPort = std::remove_reference_t<decltype(std::declval<Vtop>().in_data)>;
static_assert(std::is_integral_v<InPort>, "the benchmark takes circuits with up to 64 bits a beat");

}  // namespace

// Sends `beats` beats to the circuit whose memory files lie in `folder`, over and over for `cycles` cycles; the sum of
// the output beats' cycles keeps the compiler from leaving anything out. -1 where the folder cannot be entered.
EXPORT int64_t bare_loop(const char* folder, const uint64_t* data, int64_t beats, int64_t cycles) {
    if (chdir(folder) != 0) return -1;
    auto context = std::make_unique<VerilatedContext>();
    auto top = std::make_unique<Vtop>(context.get());
    top->in_valid = 0;
    top->out_ready = 1;
    top->rst = 1;
    for (int i = 0; i < 4; ++i) {
        top->clk = i & 1;
        top->eval();
    }
    top->rst = 0;
    top->in_valid = 1;
    int64_t beat = 0, sum = 0;
    top->in_data = static_cast<InPort>(data[0]);
    for (int64_t cycle = 0; cycle < cycles; ++cycle) {
        top->clk = 0;
        top->eval();
        const bool taken = top->in_ready;
        if (top->out_valid) sum += cycle;
        top->clk = 1;
        top->eval();
        if (taken) {
            if (++beat == beats) beat = 0;
            top->in_data = static_cast<InPort>(data[beat]);
        }
    }
    top->final();
    return sum;
}
