// Drives one stitched circuit (class Vtop, made by Verilator) with whole batches. C ABI for ctypes.
//
// One clock cycle: inputs change while clk is low, both handshakes are sampled just before the rising edge.
// The build defines HOLDFAST_DESIGN, the sha256 of the circuit's sources, as a string, and writes streams.inc: a line
// STREAM(valid, ready) with the root's members for each stream of the dataflow, in order. HOLDFAST_WRITABLE is 1 where
// the circuit has numbers that can be rewritten, 0 else.

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "Vtop.h"
#include "Vtop___024root.h"
#include "verilated.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum Status : int32_t { kRunning = 0, kDone = 1, kStuck = 2, kUnstable = 3, kExtraBeat = 4 };

// Consecutive idle cycles after the last beat during which the circuit must not emit anything.
constexpr int kQuietCycles = 32;

// How a stream packs its elements: the Python side fills this from hw.Stream.
struct Layout {
    int64_t beats;     // per frame
    int64_t parallel;  // elements per beat
    int64_t bits;      // per element, 1..48
    int64_t kind;      // 0 unsigned, 1 two's complement, 2 bipolar
};

struct Random {  // xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016
    uint64_t state;
    explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 0x1234567887654321ull) {
        if (state == 0) state = 1;
    }
    uint64_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545F4914F6CDD1Dull;
    }
    bool chance(double probability) { return (next() >> 11) * 0x1.0p-53 < probability; }
};

template <class T>
constexpr int port_words() {
    return (sizeof(T) + 3) / 4;
}

template <class T>
void to_port(T& port, const uint32_t* words) {
    if constexpr (std::is_integral_v<T>) {
        uint64_t value = words[0];
        if constexpr (sizeof(T) == 8) value |= static_cast<uint64_t>(words[1]) << 32;
        port = static_cast<T>(value);
    } else {
        for (int i = 0; i < port_words<T>(); ++i) port[i] = words[i];
    }
}

template <class T>
void from_port(const T& port, uint32_t* words) {
    if constexpr (std::is_integral_v<T>) {
        words[0] = static_cast<uint32_t>(port);
        if constexpr (sizeof(T) == 8) words[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
    } else {
        for (int i = 0; i < port_words<T>(); ++i) words[i] = port[i];
    }
}

void pack(const Layout& layout, const int64_t* elements, uint32_t* words, int count) {
    std::fill(words, words + count, 0u);
    const uint64_t mask = (uint64_t{1} << layout.bits) - 1;
    int64_t position = 0;
    for (int64_t i = 0; i < layout.parallel; ++i, position += layout.bits) {
        const int64_t value = layout.kind == 2 ? (elements[i] + 1) / 2 : elements[i];
        const uint64_t code = static_cast<uint64_t>(value) & mask;
        const int shift = position & 31;
        uint32_t* word = words + (position >> 5);
        word[0] |= static_cast<uint32_t>(code << shift);
        const uint64_t rest = shift ? code >> (32 - shift) : code >> 32;
        if (shift + layout.bits > 32) word[1] |= static_cast<uint32_t>(rest);
        if (shift + layout.bits > 64) word[2] |= static_cast<uint32_t>(rest >> 32);
    }
}

void unpack(const Layout& layout, const uint32_t* words, int64_t* elements) {
    int64_t position = 0;
    for (int64_t i = 0; i < layout.parallel; ++i, position += layout.bits) {
        const int shift = position & 31;
        const uint32_t* word = words + (position >> 5);
        uint64_t code = word[0] >> shift;
        if (shift + layout.bits > 32) code |= static_cast<uint64_t>(word[1]) << (32 - shift);
        if (shift + layout.bits > 64) code |= static_cast<uint64_t>(word[2]) << (64 - shift);
        const int unused = 64 - static_cast<int>(layout.bits);
        code <<= unused;
        if (layout.kind == 1) {
            elements[i] = static_cast<int64_t>(code) >> unused;
        } else {
            const int64_t value = static_cast<int64_t>(code >> unused);
            elements[i] = layout.kind == 2 ? 2 * value - 1 : value;
        }
    }
}

// One stream of the dataflow: beats moved since reset, and its handshake in the last cycle.
struct StreamState {
    int64_t beats, valid, ready;
};

struct Batch {
    Layout in, out;
    const int64_t* codes;
    int64_t* results;
    int64_t* frame_cycles;
    int64_t frames, watchdog;
    double stall_in, stall_out;
    StreamState* streams;    // of all streams, or null: watching costs time
    const uint32_t* writes;  // address and data of each word of an update, or null
    int64_t words, write_cycle;  // the update is offered from this cycle on
};

// `old_frames`: those that came in before the first word of the update was taken.
struct Progress {
    int64_t cycle, beats_in, beats_out, idle, written, old_frames;
};

class Circuit {
  public:
    ~Circuit() {
        if (!top_) return;
        // Where signals are visible, the model takes itself off the list of this thread's context, which may be gone.
        Verilated::threadContextp(context_.get());
        top_->final();
    }

    // $readmemh paths are relative to `folder`; a thread of its own keeps the caller's directory as it is.
    bool open(const char* folder) {
        bool opened = false;
        std::thread thread([&] {
#ifdef __linux__
            if (unshare(CLONE_FS) == 0) {
                opened = chdir(folder) == 0;
                if (opened) elaborate();
                return;
            }
#endif
            static std::mutex one_at_a_time;
            const std::lock_guard<std::mutex> lock(one_at_a_time);
            const int home = ::open(".", O_RDONLY);
            opened = home >= 0 && chdir(folder) == 0;
            if (opened) {
                elaborate();
                opened = fchdir(home) == 0;
            }
            if (home >= 0) close(home);
        });
        thread.join();
        return opened;
    }

    void start(const Batch& batch, uint64_t seed) {
        batch_ = batch;
        progress_ = {};
        random_in_ = Random(2 * seed + 1);
        random_out_ = Random(2 * seed + 2);
        random_write_ = Random(2 * seed + 3);
        offered_ = held_ = awaiting_ = writing_ = false;
        quiet_ = 0;
        top_->in_valid = 0;
        top_->out_ready = 0;
        offer_word(false);
        top_->rst = 1;
        for (int i = 0; i < 2; ++i) {
            edge(0);
            edge(1);
        }
        top_->rst = 0;
    }

    Status advance(int64_t cycles) {
        Status status = kRunning;
        while (cycles-- > 0 && status == kRunning) status = cycle();
        return status;
    }

    Progress progress() const { return progress_; }

  private:
    using InPort = std::remove_reference_t<decltype(std::declval<Vtop>().in_data)>;
    using OutPort = std::remove_reference_t<decltype(std::declval<Vtop>().out_data)>;
    static constexpr int kInWords = port_words<InPort>();
    static constexpr int kOutWords = port_words<OutPort>();

    void elaborate() {
        context_ = std::make_unique<VerilatedContext>();
        // Registers without a reset start with noise, so that a missing reset shows.
        context_->randReset(2);
        context_->randSeed(1);
        top_ = std::make_unique<Vtop>(context_.get());
        top_->clk = 1;
        top_->rst = 1;
        top_->in_valid = 0;
        top_->out_ready = 0;
        offer_word(false);
        top_->eval();
    }

    void edge(int level) {
        top_->clk = level;
        top_->eval();
    }

    bool wants_to_read() {
        if (batch_.stall_out <= 0) return true;
        if (awaiting_) return false;
        const bool ready = !random_out_.chance(batch_.stall_out);
        // Now and then hold ready low until valid rises: a valid that waits for ready then never comes.
        if (!ready && !held_) awaiting_ = (random_out_.next() >> 60) == 0;
        return ready;
    }

    void watch() {
        StreamState* state = batch_.streams;
#define STREAM(valid_, ready_)               \
    state->valid = top_->rootp->valid_;      \
    state->ready = top_->rootp->ready_;      \
    state->beats += state->valid & state->ready; \
    ++state;
#include "streams.inc"
#undef STREAM
    }

    void offer_word(bool valid) {
#if HOLDFAST_WRITABLE
        top_->cfg_valid = valid;
        if (!valid) return;
        const uint32_t* word = batch_.writes + 2 * progress_.written;
        top_->cfg_address = word[0];
        top_->cfg_data = word[1];
        top_->cfg_last = progress_.written == batch_.words - 1;
#else
        (void)valid;
#endif
    }

    bool takes_word() const {
#if HOLDFAST_WRITABLE
        return top_->cfg_ready;
#else
        return false;
#endif
    }

    Status cycle() {
        const int64_t all_in = batch_.frames * batch_.in.beats, all_out = batch_.frames * batch_.out.beats;
        const bool done = progress_.beats_in == all_in && progress_.beats_out == all_out &&
                          progress_.written == batch_.words;
        if (done && quiet_++ == kQuietCycles) return kDone;

        if (!offered_ && progress_.beats_in < all_in && !random_in_.chance(batch_.stall_in)) {
            uint32_t words[kInWords];
            pack(batch_.in, batch_.codes + progress_.beats_in * batch_.in.parallel, words, kInWords);
            to_port(top_->in_data, words);
            offered_ = true;
        }
        const bool due = progress_.written < batch_.words && progress_.cycle >= batch_.write_cycle;
        if (due && !random_write_.chance(batch_.stall_in)) writing_ = true;
        offer_word(writing_);
        const bool ready = progress_.beats_out == all_out || wants_to_read();
        top_->in_valid = offered_;
        top_->out_ready = ready;
        edge(0);
        if (batch_.streams) watch();

        const bool accepted = offered_ && top_->in_ready, valid = top_->out_valid;
        uint32_t words[kOutWords];
        if (valid) from_port(top_->out_data, words);
        if (held_ && (!valid || std::memcmp(words, held_words_, sizeof words) != 0)) return kUnstable;
        if (valid && progress_.beats_out == all_out) return kExtraBeat;
        if (valid) awaiting_ = false;
        held_ = valid && !ready;
        if (held_) std::memcpy(held_words_, words, sizeof words);
        if (valid && ready) {
            unpack(batch_.out, words, batch_.results + progress_.beats_out * batch_.out.parallel);
            if (++progress_.beats_out % batch_.out.beats == 0) {
                batch_.frame_cycles[progress_.beats_out / batch_.out.beats - 1] = progress_.cycle;
            }
        }
        if (accepted) {
            ++progress_.beats_in;
            offered_ = false;
        }
        const bool word = writing_ && takes_word();
        if (word) {
            if (progress_.written++ == 0) progress_.old_frames = progress_.beats_in / batch_.in.beats;
            writing_ = false;
        }
        edge(1);
        if (done) return kRunning;
        ++progress_.cycle;
        progress_.idle = accepted || word || (valid && ready) ? 0 : progress_.idle + 1;
        return progress_.idle > batch_.watchdog ? kStuck : kRunning;
    }

    std::unique_ptr<VerilatedContext> context_;
    std::unique_ptr<Vtop> top_;  // before its context goes
    Batch batch_{};
    Progress progress_{};
    Random random_in_{0}, random_out_{0}, random_write_{0};
    uint32_t held_words_[kOutWords]{};
    bool offered_ = false, held_ = false, awaiting_ = false, writing_ = false;
    int quiet_ = 0;
};

}  // namespace

EXPORT const char* holdfast_design() { return HOLDFAST_DESIGN; }

// A circuit whose memory files lie in `folder`; null where that folder cannot be entered.
EXPORT void* holdfast_create(const char* folder) {
    auto circuit = std::make_unique<Circuit>();
    return circuit->open(folder) ? circuit.release() : nullptr;
}

// Resets the circuit and begins a batch; its buffers must live until `holdfast_advance` stops returning kRunning.
EXPORT void holdfast_start(void* circuit, const Batch* batch, uint64_t seed) {
    static_cast<Circuit*>(circuit)->start(*batch, seed);
}

// Runs at most `cycles` clock cycles; the caller comes back while the status is kRunning.
EXPORT int32_t holdfast_advance(void* circuit, int64_t cycles, Progress* progress) {
    const Status status = static_cast<Circuit*>(circuit)->advance(cycles);
    *progress = static_cast<Circuit*>(circuit)->progress();
    return status;
}

EXPORT void holdfast_destroy(void* circuit) { delete static_cast<Circuit*>(circuit); }
